"""The acceptance run as a whole, against a local cloud in which nothing is deployed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from acceptance.questions import QUESTIONS
from acceptance.scenarios import SCENARIOS
from local.clients import clients
from local.cloud import ROOT, Cloud, claim, open_cloud, program_path
from local.permissions import denied_calls
from tests.local.emulator.driver import eventually

pytestmark = pytest.mark.e2e

# Of the toolkit's stack, which stays, and of every account.
_STAYS = re.compile(r"cdk-hnb659fds-|/cdk-bootstrap/|^CDKToolkit$|^/aws/lambda/CDKToolkit")


@pytest.fixture(scope="module")
def cloud_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, without_engine: Callable[[object], NoReturn]
) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    cache = ROOT / ".cache" / "engine"
    with claim(folder), open_cloud(folder, engine_cache=cache, progress=print) as cloud:
        if cloud.engine is None:
            without_engine(cloud.unavailable)
        yield cloud


def begin(cloud: Cloud, folder: Path, run: str) -> subprocess.Popen[str]:
    """Begin a run, as somebody does whose environment leads to the cloud."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "acceptance", "run", "--run", run, "--folder", str(folder)],
        cwd=ROOT,
        env={**own, **cloud.environment, "PATH": program_path()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def finished(cloud_of_its_own: Cloud, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """The exit code of a run, and its report."""
    folder = tmp_path_factory.mktemp("acceptance")
    process = begin(cloud_of_its_own, folder, "0123ab")
    said, _ = process.communicate()
    print(said)
    return process.returncode, (folder / "0123ab" / "report.md").read_text()


def rows(report: str, heading: str) -> list[list[str]]:
    """The rows of the table whose first heading this is."""
    (table,) = re.findall(rf"\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", report)
    return [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in table.strip().splitlines()]


def test_every_scenario_goes_as_expected(
    finished: tuple[int, str], cloud_of_its_own: Cloud
) -> None:
    code, report = finished
    seen = {name: (outcome, text) for name, _, _, text, outcome, _ in rows(report, "scenario")}
    different = {name: row for name, row in seen.items() if row[0] != "as expected"}
    assert not different
    assert list(seen) == [*(scenario.name for scenario in SCENARIOS), "tear-down"]
    assert code == 0
    assert "Nothing is left of the run." in report
    assert "Traceback" not in (cloud_of_its_own.folder / "emulator.log").read_text()


def test_every_question_has_an_answer_that_is_the_emulators(
    finished: tuple[int, str],
) -> None:
    _, report = finished
    assert "Seen of **an emulator, not AWS**" in report
    answers = dict(rows(report, "question"))
    assert list(answers) == [question.text for question in QUESTIONS]
    assert all(
        answer.startswith(("seen: ", "not answerable here: ", "needs a person: "))
        for answer in answers.values()
    )
    # What the emulator does not have, and what nobody can do alone.
    open_ones = [text for text, answer in answers.items() if not answer.startswith("seen: ")]
    assert open_ones == [
        "Do conditions on `UseConnection` hold for full clones?",
        "Do pushes start releases after a late handshake of the connection?",
        "What is the unit of `PipelineDuration`?",
    ]


def remaining(cloud: Cloud) -> dict[str, list[str]]:
    """What is in a cloud, apart from what stays for all apps of an account."""
    client = clients(cloud.endpoint)

    def listed(service: str, operation: str, member: str, key: str) -> list[str]:
        pages = client(service).get_paginator(operation).paginate()
        return [entry[key] if key else entry for page in pages for entry in page[member]]

    found = {
        "stacks": listed("cloudformation", "describe_stacks", "Stacks", "StackName"),
        "code": listed("codecommit", "list_repositories", "repositories", "repositoryName"),
        "images": listed("ecr", "describe_repositories", "repositories", "repositoryName"),
        "parameters": listed("ssm", "describe_parameters", "Parameters", "Name"),
        "logs": listed("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "alarms": listed("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "roles": listed("iam", "list_roles", "Roles", "RoleName"),
        "clusters": listed("ecs", "list_clusters", "clusterArns", ""),
        "definitions": listed("ecs", "list_task_definitions", "taskDefinitionArns", ""),
        "balancers": listed("elbv2", "describe_load_balancers", "LoadBalancers", "DNSName"),
        "gateways": listed("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
        "pipelines": listed("codepipeline", "list_pipelines", "pipelines", "name"),
        "buckets": [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
    }
    return {
        kind: own
        for kind, names in found.items()
        if (own := [name for name in names if not _STAYS.search(name)])
    }


@pytest.mark.usefixtures("finished")
def test_no_role_was_denied_anything_but_what_a_question_tried(cloud_of_its_own: Cloud) -> None:
    denied = denied_calls(cloud_of_its_own.endpoint)
    assert [call for call in denied if not call.principal.endswith("-asking")] == []


@pytest.mark.usefixtures("finished")
def test_nothing_remains(cloud_of_its_own: Cloud) -> None:
    assert remaining(cloud_of_its_own) == {}


def test_of_an_interrupted_run_nothing_remains_either(
    cloud_of_its_own: Cloud, tmp_path: Path
) -> None:
    cloudformation = clients(cloud_of_its_own.endpoint)("cloudformation")
    process = begin(cloud_of_its_own, tmp_path, "45cdef")

    def is_under_way() -> bool:
        assert process.poll() is None
        names = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
        return "acceptance-45cdef-platform" in names

    eventually(is_under_way, deadline=120)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate()
    print(said)
    assert process.returncode == 1
    report = (tmp_path / "45cdef" / "report.md").read_text()
    assert "**Not finished:** interrupted by SIGTERM" in report
    assert "Nothing is left of the run." in report
    assert remaining(cloud_of_its_own) == {}
