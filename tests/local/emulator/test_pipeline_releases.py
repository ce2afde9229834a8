"""`Releases`: what a person does with a pipeline from outside."""

from pathlib import Path
from typing import Any

import boto3
import pytest

from local.cloud import ACCOUNT, REGION
from local.release import Commit, ReleaseError, Releases, Stage
from tests.local.emulator.delivery import approval, source
from tests.local.emulator.driver import Emulator, eventually
from tests.local.emulator.pipeline import Pipeline, condition, rule


class There(Emulator):
    """The emulator, in the account and region of a local cloud."""

    def __init__(self, emulator: Emulator) -> None:
        self.__dict__ = {**emulator.__dict__, "_clients": {}}
        self._make_roles()

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
        )


@pytest.fixture
def releases(emulator: Emulator) -> Releases:
    return Releases(emulator.url)


@pytest.fixture
def commit(tmp_path: Path) -> Commit:
    (tmp_path / "a.txt").write_text("a")
    return Commit.of(tmp_path)


def deployed(emulator: Emulator) -> Pipeline:
    """Deploy a pipeline that has all that can be controlled."""
    repository = emulator.new_name("org/code")
    checked = {"Variable": "#{variables.wanted}", "Value": "yes", "Operator": "EQ"}
    stage = {
        "Name": "Gate",
        "Actions": [approval()],
        "BeforeEntry": condition("FAIL", rule("VariableCheck", checked, "Wanted")),
    }
    git = {
        "SourceActionName": "Source",
        "Push": [{"Branches": {"Includes": ["main"]}}, {"Tags": {"Includes": ["v*"]}}],
        "PullRequest": [{"Branches": {"Includes": ["main"]}}],
    }
    pipeline = Pipeline(
        There(emulator),
        {},
        Stages=[{"Name": "Source", "Actions": [source(repository)]}, stage],
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/pipeline",
        Variables=[{"Name": "wanted", "DefaultValue": "yes"}],
        Triggers=[{"ProviderType": "CodeStarSourceConnection", "GitConfiguration": git}],
    )
    pipeline.repository = repository
    return pipeline


def follow(releases: Releases, pipeline: Pipeline, execution: str) -> tuple[str, dict[str, Stage]]:
    stages: dict[str, Stage] = {}
    status = releases.follow(
        pipeline.name,
        execution,
        on_change=lambda stage: stages.__setitem__(stage.name, stage),
        seconds=20,
    )
    return status, stages


def test_a_release_is_approved_and_rolled_back_to(
    emulator: Emulator, releases: Releases, commit: Commit
) -> None:
    pipeline = deployed(emulator)
    push = {"repository": pipeline.repository, "message": "a message"}
    (first,) = releases.push(commit, branch="main", **push)
    pipeline.token("Gate", first)
    releases.approve(pipeline.name, "Gate", "Approve", "looks fine")
    status, stages = follow(releases, pipeline, first)
    assert status == "Succeeded"
    assert {name: stage.status for name, stage in stages.items()} == {
        "Source": "Succeeded",
        "Gate": "Succeeded",
    }
    rollback = releases.roll_back_stage(pipeline.name, "Gate", first)
    pipeline.token("Gate", rollback)
    releases.reject(pipeline.name, "Gate", "Approve", "not again")
    status, stages = follow(releases, pipeline, rollback)
    assert (status, list(stages)) == ("Failed", ["Gate"])
    assert "not again" in stages["Gate"].reason
    with pytest.raises(ReleaseError, match="no approval is pending"):
        releases.approve(pipeline.name, "Gate", "Approve")


def test_tags_and_pull_requests_start_releases(
    emulator: Emulator, releases: Releases, commit: Commit
) -> None:
    pipeline = deployed(emulator)
    push = {"repository": pipeline.repository, "message": "a message"}
    assert len(releases.push(commit, branch="main", tag="v1", **push)) == 2
    assert releases.push(commit, branch="feature", **push) == []
    where = {"repository": pipeline.repository, "source": "feature"}
    assert len(releases.pull_request("OPEN", destination="main", **where)) == 1
    with pytest.raises(ReleaseError, match="destination branch 'nowhere'"):
        releases.pull_request("OPEN", destination="nowhere", **where)


def test_variables_conditions_and_transitions_are_controlled(
    emulator: Emulator, releases: Releases, commit: Commit
) -> None:
    pipeline = deployed(emulator)
    releases.push(commit, repository=pipeline.repository, branch="other", message="a message")
    releases.disable_transition(pipeline.name, "Gate", "freeze")
    assert not pipeline.stage("Gate")["inboundTransitionState"]["enabled"]
    releases.push(commit, repository=pipeline.repository, branch="main", message="a message")
    execution = releases.start(pipeline.name, wanted="no")

    def waits() -> bool:
        waiting = pipeline.stage("Gate")["inboundExecutions"]
        return [each["pipelineExecutionId"] for each in waiting] == [execution]

    eventually(waits)
    releases.enable_transition(pipeline.name, "Gate")
    status, stages = follow(releases, pipeline, execution)
    assert status == "Failed"
    assert stages["Gate"].status == "Failed"
    assert "'no' EQ 'yes'" in stages["Gate"].reason
    releases.override_condition(pipeline.name, "Gate", execution, "BEFORE_ENTRY")
    assert pipeline.token("Gate", execution)
    releases.wait_as_if(7 * 24 * 3600 + 1)
    status, stages = follow(releases, pipeline, execution)
    assert status == "Failed"
    assert "Nobody approved within 10080 minutes" in stages["Gate"].reason
