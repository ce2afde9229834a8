"""The acceptance run as a whole, against a local cloud in which nothing is deployed."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from acceptance.questions import QUESTIONS
from acceptance.scenarios import SCENARIOS
from local.clients import clients
from local.cloud import ROOT, Cloud, claim, open_cloud, program_path

pytestmark = pytest.mark.e2e

RUN = "0123ab"
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


@pytest.fixture(scope="module")
def finished(
    cloud_of_its_own: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], str]:
    folder = tmp_path_factory.mktemp("acceptance")
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    finished = subprocess.run(
        [sys.executable, "-m", "acceptance", "run", "--run", RUN, "--folder", str(folder)],
        cwd=ROOT,
        env={**own, **cloud_of_its_own.environment, "PATH": program_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    print(finished.stdout, finished.stderr)
    return finished, (folder / RUN / "report.md").read_text()


def rows(report: str, heading: str) -> list[list[str]]:
    """The rows of the table whose first heading this is."""
    (table,) = re.findall(rf"\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", report)
    return [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in table.strip().splitlines()]


def test_every_scenario_goes_as_expected(
    finished: tuple[subprocess.CompletedProcess[str], str], cloud_of_its_own: Cloud
) -> None:
    process, report = finished
    seen = {name: (outcome, text) for name, _, _, text, outcome, _ in rows(report, "scenario")}
    different = {name: row for name, row in seen.items() if row[0] != "as expected"}
    assert not different
    assert list(seen) == [*(scenario.name for scenario in SCENARIOS), "tear-down"]
    assert process.returncode == 0, process.stderr
    assert "Nothing is left of the run." in report
    assert "Traceback" not in (cloud_of_its_own.folder / "emulator.log").read_text()


def test_every_question_has_an_answer_that_is_the_emulators(
    finished: tuple[subprocess.CompletedProcess[str], str],
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


@pytest.mark.usefixtures("finished")
def test_nothing_remains(cloud_of_its_own: Cloud) -> None:
    client = clients(cloud_of_its_own.endpoint)

    def listed(service: str, operation: str, member: str, key: str, **request: Any) -> list[str]:
        pages = client(service).get_paginator(operation).paginate(**request)
        names = [entry[key] if key else entry for page in pages for entry in page[member]]
        return [name for name in names if not _STAYS.search(name)]

    assert listed("cloudformation", "describe_stacks", "Stacks", "StackName") == []
    assert listed("codecommit", "list_repositories", "repositories", "repositoryName") == []
    assert listed("ecr", "describe_repositories", "repositories", "repositoryName") == []
    assert listed("ssm", "describe_parameters", "Parameters", "Name") == []
    assert listed("logs", "describe_log_groups", "logGroups", "logGroupName") == []
    assert listed("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName") == []
    assert listed("iam", "list_roles", "Roles", "RoleName") == []
    assert listed("ecs", "list_clusters", "clusterArns", "") == []
    assert listed("ecs", "list_task_definitions", "taskDefinitionArns", "") == []
    assert listed("elbv2", "describe_load_balancers", "LoadBalancers", "DNSName") == []
    assert listed("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId") == []
    assert listed("codepipeline", "list_pipelines", "pipelines", "name") == []
    buckets = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if not _STAYS.search(name)] == []
