"""What a scenario takes for as expected, and what it does not."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from acceptance import scenarios
from acceptance.cdk import CdkError
from acceptance.errors import NotAnswerableError, UnexpectedError
from acceptance.names import Names
from acceptance.pipelines import Ended, Pipelines
from acceptance.progress import Progress
from acceptance.questions import observed, replacement
from acceptance.run import Run
from acceptance.scenarios import SCENARIOS, bad_image, failed_cdk_deploy, release
from acceptance.services import Live
from tests.acceptance.fakes import FakeAws, refused

OLD = "repository@sha256:" + "a" * 64
NEW = "repository@sha256:" + "b" * 64
BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def action(name: str, status: str, message: str = "", **variables: str) -> dict[str, Any]:
    details = {"errorDetails": {"message": message}} if message else {}
    output = {"executionResult": details, "outputVariables": variables}
    moments = {"startTime": BEGIN, "lastUpdateTime": BEGIN + dt.timedelta(seconds=90)}
    return {"actionName": name, "status": status, "output": output, **moments}


class Requests:
    """Requests of which some fail."""

    failed: tuple[str, ...] = ()

    def __init__(self, _: str) -> None:
        self.failures = list(self.failed)

    def __enter__(self) -> "Requests":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __str__(self) -> str:
        return f"requests, {self.failures or 'none failed'}"


@pytest.fixture(autouse=True)
def requests(monkeypatch: pytest.MonkeyPatch) -> type[Requests]:
    kind = type("Some", (Requests,), {})
    monkeypatch.setattr(scenarios, "Requests", kind)
    return kind


class Delivery:
    """A rolling service with a pipeline, as a run sees them."""

    def __init__(self, run: Run) -> None:
        self.live = Live(OLD, frozenset({OLD}))
        self.after: list[Live] = []
        self.ended = Ended("1", "Succeeded", [action("Build", "Succeeded", IMAGE_URI=NEW)])
        self.message = "word one"
        self.deployment: dict[str, Any] = {}
        services: Any = SimpleNamespace(
            live=lambda _: self.after.pop(0) if len(self.after) > 1 else self.live,
            url=lambda _: "http://service/",
            message=lambda _: self.message,
            deployment=lambda _: self.deployment,
        )
        pipelines: Any = SimpleNamespace(
            follow=self._follow, started_by=lambda *_: "1", running=lambda _: None
        )
        run.services, run.pipelines = services, pipelines

    def _follow(self, *_: object) -> Ended:
        if self.ended.status == "Succeeded":
            self.live = Live(NEW, frozenset({NEW}))
        return self.ended


@pytest.fixture
def run(names: Names, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> Run:
    aws: Any = FakeAws({"codecommit.get_branch": {"branch": {"commitId": "0"}}})
    aws.answers["codecommit.create_commit"] = {"commitId": "1"}
    cdk: Any = SimpleNamespace(synth=lambda _: None, deploy=lambda: None)
    made = Run(aws, names, cdk, progress)
    monkeypatch.setattr(made, "_words", {OLD: "word"})
    return made


@pytest.fixture
def delivery(run: Run) -> Delivery:
    return Delivery(run)


def test_a_release_is_live_recorded_and_answers(run: Run, delivery: Delivery) -> None:
    delivery.message = f"version-1-of-{run.names.run} one"
    assert "runs and is recorded as live; requests, none failed" in release(run)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"message": "word one"}, "the service answers 'word one' and not"),
        ({"failed": ("503",)}, "503"),
        ({"ended": Ended("1", "Failed", [action("Build", "Failed", "no")])}, "Failed: Build: no"),
        (
            {"ended": Ended("1", "Superseded", [])},
            "Superseded",
        ),
    ],
)
def test_a_release_that_is_not_is_different(
    run: Run,
    delivery: Delivery,
    requests: type[Requests],
    change: dict[str, Any],
    seen: str,
) -> None:
    delivery.message = f"version-1-of-{run.names.run} one"
    requests.failed = change.pop("failed", ())
    for name, value in change.items():
        setattr(delivery, name, value)
    with pytest.raises(UnexpectedError, match=seen):
        release(run)


def test_a_bad_image_that_is_rolled_back_is_as_expected(run: Run, delivery: Delivery) -> None:
    delivery.ended = Ended("1", "Failed", [action("Deploy", "Failed", "circuit breaker\nmore")])
    delivery.deployment = {"rollback": {"startedAt": BEGIN + dt.timedelta(seconds=60)}}
    assert bad_image(run).startswith("Deploy: circuit breaker; repository@aaaaaaaa runs and is")
    assert run.noted.circuit_breaker.startswith(
        "the action ended as Failed after 90 s, 30 s after ECS had begun to roll back; it says: "
    )


def test_a_bad_image_that_succeeds_or_stays_is_different(run: Run, delivery: Delivery) -> None:
    with pytest.raises(UnexpectedError, match="the release ended as Succeeded"):
        bad_image(run)
    delivery.ended = Ended("1", "Failed", [])
    # What is live is now the bad image, and recorded is the old one.
    delivery.live = Live(OLD, frozenset({OLD}))
    begun = delivery.live
    delivery.after = [begun, *[Live(OLD, frozenset({NEW}))] * 400]
    with pytest.raises(UnexpectedError, match="repository@bbbbbbbb runs, repository@aaaaaaaa is"):
        bad_image(run)


def test_after_a_failed_deploy_the_live_image_is_waited_for(
    run: Run, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deploy(**_: object) -> None:
        raise CdkError("rolled back")

    monkeypatch.setattr(run, "deploy", deploy)
    other = Live(OLD, frozenset({NEW}))
    delivery.after = [delivery.live, *[other] * 60, delivery.live]
    assert failed_cdk_deploy(run).startswith("cdk deploy failed; 1.0 min later repository@aaaaaaaa")
    delivery.after = [delivery.live, *[other] * 2000]
    with pytest.raises(UnexpectedError, match="cdk deploy failed; repository@bbbbbbbb runs"):
        failed_cdk_deploy(run)


def test_a_deploy_that_should_fail_and_does_not_is_different(
    run: Run, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "deploy", lambda **_: None)
    with pytest.raises(UnexpectedError, match="cdk deploy succeeded"):
        failed_cdk_deploy(run)


def test_every_scenario_says_what_is_done_and_expected() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS) == 10
    assert all(scenario.done and scenario.expected for scenario in SCENARIOS)


def test_an_execution_is_found_by_its_commit_and_followed_to_its_end(progress: Progress) -> None:
    old = {"pipelineExecutionId": "0", "status": "Failed"}
    new = {
        "pipelineExecutionId": "1",
        "status": "InProgress",
        "sourceRevisions": [{"revisionId": "abc"}],
    }
    listed = iter([[old], [new, old]])
    statuses = iter(["InProgress", "Failed"])
    state = {"latestExecution": {"pipelineExecutionId": "1", "status": "InProgress"}}
    runs = [action("Deploy", "Failed", "broken"), action("Build", "Succeeded")]
    answers: dict[str, Any] = {
        "list_pipeline_executions": lambda _: {"pipelineExecutionSummaries": next(listed)},
        "get_pipeline_execution": lambda _: {"pipelineExecution": {"status": next(statuses)}},
        "get_pipeline_state": {"stageStates": [{"stageName": "Deploy", **state}]},
        "list_action_executions": {"actionExecutionDetails": runs},
    }
    aws: Any = FakeAws({f"codepipeline.{name}": answer for name, answer in answers.items()})
    pipelines = Pipelines(aws, progress)
    execution = pipelines.started_by("shop", "abc")
    ended = pipelines.follow("shop", execution)
    assert (execution, ended.status, ended.reason) == ("1", "Failed", "Deploy: broken")


def test_variables_are_left_out_where_there_are_none(progress: Progress) -> None:
    started = {"codepipeline.start_pipeline_execution": {"pipelineExecutionId": "1"}}
    aws: Any = FakeAws(started)
    pipelines = Pipelines(aws, progress)
    pipelines.start("shop")
    pipelines.start("shop", IMAGE="previous")
    (_, without), (_, with_one) = aws.calls
    assert without == {"name": "shop"}
    assert with_one["variables"] == [{"name": "IMAGE", "value": "previous"}]


def test_a_change_set_says_whether_a_service_is_replaced_and_is_deleted(run: Run) -> None:
    service = {"Type": "AWS::ECS::Service", "Properties": {}}
    change = {
        "ResourceType": "AWS::ECS::Service",
        "Action": "Modify",
        "Replacement": "Conditional",
    }
    made = {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": change}]}
    aws: Any = run.aws
    aws.answers |= {
        "cloudformation.get_template": {"TemplateBody": {"Resources": {"Service": service}}},
        "cloudformation.describe_stacks": {"Stacks": [{"Parameters": []}]},
        "cloudformation.describe_change_set": made,
    }
    assert replacement.ask(run).endswith("the change set says Modify, Replacement Conditional")
    assert aws.called("cloudformation.execute_change_set") == []
    made |= {"Status": "FAILED", "StatusReason": "not so"}
    with pytest.raises(NotAnswerableError, match="not so"):
        replacement.ask(run)
    assert len(aws.called("cloudformation.delete_change_set")) == 2


def test_the_build_roles_answer_is_only_given_of_a_role_without_the_bucket(run: Run) -> None:
    build = {"actionTypeId": {"provider": "CodeBuild"}, "roleArn": "arn:aws:iam::1:role/build"}
    document = {"Statement": [{"Action": "codebuild:StartBuild"}]}
    aws: Any = run.aws
    aws.answers |= {
        "codepipeline.get_pipeline": {"pipeline": {"stages": [{"actions": [build]}]}},
        "iam.list_role_policies": {"PolicyNames": ["inline"]},
        "iam.get_role_policy": lambda _: {"PolicyDocument": document},
        "iam.list_attached_role_policies": {"AttachedPolicies": []},
    }
    with pytest.raises(NotAnswerableError, match="no release"):
        observed.build_role(run)
    run.noted.builds = 3
    assert observed.build_role(run).startswith("no: 3 releases")
    document["Statement"] = [{"Action": "s3:GetObject"}]
    with pytest.raises(NotAnswerableError, match="allowed to use S3"):
        observed.build_role(run)


def test_an_account_without_codecommit_is_left_as_it_was(run: Run) -> None:
    aws: Any = run.aws
    aws.answers["codecommit.create_repository"] = refused("OperationNotAllowedException")
    with pytest.raises(Exception, match="OperationNotAllowedException"):
        scenarios.first_deployment(run)
    assert [name for name, _ in aws.calls] == ["codecommit.create_repository"]
