from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from http_probe import handler

ECS = {
    "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT",
    "serviceArn": "arn:aws:ecs:eu-west-1:111122223333:service/my-cluster/my-app",
    "targetServiceRevisionArn": "arn:aws:ecs:eu-west-1:111122223333:service-revision/c/s/2",
    "testTrafficWeights": {"arn:aws:ecs:eu-west-1:111122223333:service-revision/c/s/2": 100},
}
CODE_DEPLOY = {"DeploymentId": "d-ABC123", "LifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWQ"}


@pytest.fixture
def asks(
    monkeypatch: pytest.MonkeyPatch, version: Any, clock: Callable[[], float]
) -> Callable[[int], None]:
    """Let the new version answer with a status, where 200 is expected."""

    def answer(status: int) -> None:
        version.answers = [status]
        monkeypatch.setenv("PROBE_URL", f"{version.url}/health")
        monkeypatch.setenv("PROBE_STATUS", "200")
        monkeypatch.setenv("PROBE_TIMEOUT", "5")

    return answer


@pytest.fixture
def code_deploy(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    client = boto3.client(
        "codedeploy",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    monkeypatch.setattr(boto3, "client", {"codedeploy": client}.__getitem__)
    return Stubber(client)


@pytest.mark.parametrize(("status", "result"), [(200, "SUCCEEDED"), (500, "FAILED")])
def test_ecs_takes_what_is_returned(asks: Callable[[int], None], status: int, result: str) -> None:
    asks(status)
    assert handler.handle(ECS, None) == {"hookStatus": result}


@pytest.mark.parametrize(("status", "result"), [(200, "Succeeded"), (500, "Failed")])
def test_code_deploy_gets_the_result(
    asks: Callable[[int], None], code_deploy: Stubber, status: int, result: str
) -> None:
    asks(status)
    code_deploy.add_response(
        "put_lifecycle_event_hook_execution_status",
        {},
        {
            "deploymentId": "d-ABC123",
            "lifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWQ",
            "status": result,
        },
    )
    with code_deploy:
        handler.handle(CODE_DEPLOY, None)
    code_deploy.assert_no_pending_responses()


def test_an_answer_that_code_deploy_does_not_take_is_an_error(
    asks: Callable[[int], None], code_deploy: Stubber
) -> None:
    asks(200)
    code_deploy.add_client_error(
        "put_lifecycle_event_hook_execution_status", "InvalidLifecycleEventHookExecutionIdException"
    )
    with code_deploy, pytest.raises(Exception, match="InvalidLifecycleEventHookExecutionId"):
        handler.handle(CODE_DEPLOY, None)


def test_without_its_settings_nothing_goes_on(
    code_deploy: Stubber, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROBE_URL", raising=False)
    assert handler.handle(ECS, None) == {"hookStatus": "FAILED"}
    assert "PROBE_URL is not set; deploy the service's stack again" in capsys.readouterr().out
    code_deploy.add_response(
        "put_lifecycle_event_hook_execution_status", {}, {**_ids(), "status": "Failed"}
    )
    with code_deploy:
        handler.handle(CODE_DEPLOY, None)


def _ids() -> dict[str, str]:
    return {
        "deploymentId": CODE_DEPLOY["DeploymentId"],
        "lifecycleEventHookExecutionId": CODE_DEPLOY["LifecycleEventHookExecutionId"],
    }
