"""Releases that fail: at once, with what ECS knows of it, and nothing recorded."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

Record = Callable[..., dict[str, Any]]


def message(answer: dict[str, Any], kind: str = "JobFailed") -> str:
    details = answer["failureDetails"]
    assert details["type"] == kind
    return str(details["message"])


def test_a_roll_back_says_why_what_runs_and_where_to_look(aws: Any, record: Record) -> None:
    aws.roll_back(
        statusReason="Service deployment rolled back because the circuit breaker threshold was "
        "exceeded.",
        rollback={"reason": "The circuit breaker was triggered."},
        deploymentCircuitBreaker={"status": "TRIGGERED", "failureCount": 3, "threshold": 3},
    )
    for _ in range(2):
        aws.stop_task("Essential container in task exited", exitCode=1)
    aws.stop_task("Task failed ELB health checks in (target-group arn:tg)", exitCode=143)
    aws.stop_task("Scaling activity initiated by (deployment ecs-svc/1)", exitCode=137)
    assert message(record()) == (
        f"{aws.NEW} is not live: ECS rolled the deployment back: The circuit breaker was "
        "triggered; Service deployment rolled back because the circuit breaker threshold was "
        "exceeded; the circuit breaker counted 3 failed tasks of 3 allowed. Stopped tasks: "
        "2 x Essential container in task exited (container app, exit code 1); "
        "1 x Task failed ELB health checks in (target-group arn:tg) (container app, exit code "
        f"143). The service runs {aws.OLD}. Next: look at the log group /my-app/log and the "
        "events of the service my-app in the cluster prod, fix the cause, and release again."
    )
    assert aws.written == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("ROLLBACK_REQUESTED", "ECS is rolling the deployment back"),
        ("ROLLBACK_IN_PROGRESS", "ECS is rolling the deployment back"),
        ("ROLLBACK_FAILED", "ECS could not roll the deployment back"),
        ("STOP_REQUESTED", "ECS is stopping the deployment"),
        ("STOPPED", "ECS stopped the deployment"),
    ],
)
def test_it_fails_as_soon_as_it_is_lost(aws: Any, record: Record, status: str, reason: str) -> None:
    aws.roll_back(status)
    assert f"is not live: {reason}. The service" in message(record())
    assert aws.written == []


def test_a_reason_loses_its_full_stop_and_nothing_else(aws: Any, record: Record) -> None:
    aws.roll_back(statusReason="Stopped by nginx.")
    assert ": Stopped by nginx. The service runs" in message(record())


def test_alarms_and_hooks_are_named(aws: Any, record: Record) -> None:
    aws.roll_back(
        alarms={"status": "TRIGGERED", "alarmNames": ["a", "b"], "triggeredAlarmNames": ["b"]},
        lifecycleHookDetails=[
            {"targetType": "AWS_LAMBDA", "targetArn": "arn:smoke-test", "status": "FAILED"}
        ],
    )
    text = message(record())
    assert "alarms in state ALARM: b; the hook arn:smoke-test ended FAILED" in text


def test_another_deployment_took_the_place_before_it_was_through(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)["status"] = "STOPPED"
    aws.deploy(aws.OTHER)["status"] = "IN_PROGRESS"
    text = message(record())
    assert "service-deployment/prod/my-app/2" in text
    assert f"The service runs {aws.OTHER}." in text


def test_the_circuit_breaker_without_roll_back(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)["status"] = "IN_PROGRESS"
    aws.service["deployments"][0].update(
        rolloutState="FAILED",
        rolloutStateReason="ECS deployment circuit breaker: tasks failed to start.",
    )
    aws.stop_task("Task failed to start", reason="CannotPullContainerError: image not found")
    text = message(record())
    assert "is not live: ECS deployment circuit breaker: tasks failed to start. Stopped" in text
    assert "1 x Task failed to start (container app, CannotPullContainerError: image" in text


def test_a_roll_back_that_only_the_service_tells_of(aws: Any, record: Record) -> None:
    aws.roll_back()
    aws.service_deployments.clear()
    aws.service["deployments"].append(
        {
            "id": "ecs-svc/2",
            "status": "ACTIVE",
            "taskDefinition": list(aws.definitions)[-1],
            "desiredCount": 0,
            "runningCount": 0,
            "rolloutState": "FAILED",
            "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start",
        }
    )
    aws.service["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    text = message(record())
    assert "circuit breaker: tasks failed to start. " in text
    assert f"The service runs {aws.OLD}" in text


def test_a_failed_attempt_that_is_still_there_does_not_count_against_the_next(
    aws: Any, record: Record
) -> None:
    aws.deploy(aws.NEW)["status"] = "STOPPED"
    (failed,) = aws.service["deployments"]
    aws.deploy(aws.NEW)
    aws.service["deployments"].append({**failed, "status": "ACTIVE", "rolloutState": "FAILED"})
    assert "outputVariables" in record()
    aws.service_deployments.clear()
    assert "outputVariables" in record()


def test_a_task_with_another_digest(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.tasks[1]["containers"][1]["image"] = aws.OTHER
    text = message(record())
    assert "task/prod/11 runs " + aws.OTHER in text
    assert aws.written == []


def test_a_task_by_tag_with_another_digest(aws: Any, record: Record) -> None:
    aws.deploy("my-app:1", resolved="sha256:" + "a" * 64)
    aws.tasks[0]["containers"][1]["imageDigest"] = "sha256:" + "d" * 64
    assert "runs my-app:1 with the digest sha256:ddd" in message(record())
    del aws.tasks[0]["containers"][1]["imageDigest"]
    assert "with the digest unknown" in message(record())


def test_a_service_that_is_not_there(aws: Any, record: Record) -> None:
    assert "the cluster prod has no service my-app" in message(record())
    aws.deploy(aws.NEW)
    aws.service["status"] = "DRAINING"
    assert "the cluster prod has no service my-app" in message(record())


def test_what_has_replaced_it_before_it_was_recorded_is_not_recorded(
    aws: Any, record: Record
) -> None:
    """CloudFormation may have gone back to it, or a person: no release has verified it."""
    before = dict(aws.parameters)
    aws.deploy(aws.NEW)
    aws.deploy(aws.OTHER)
    text = message(record())
    assert text == (
        f"{aws.NEW} is superseded: ECS deployment ecs-svc/2 completed. The service runs "
        f"{aws.OTHER}. Next: release it again if it should be live."
    )
    assert aws.written == []
    assert aws.parameters == before


def test_what_has_replaced_it_once_it_was_recorded_is_not_recorded(
    aws: Any, record: Record
) -> None:
    """The drift detector has the recorded one released again."""
    aws.deploy(aws.NEW)
    aws.after["PutParameter"] += [lambda: None, lambda: aws.deploy(aws.OTHER) and None]
    assert "is superseded" in message(record())
    assert aws.parameters["/my-app/image"] == aws.NEW


def test_a_later_deployment_by_tag_is_reported_but_never_written(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.deploy(aws.SEED, resolved="sha256:" + "e" * 64)
    assert "superseded" in message(record())
    assert aws.written == []


def test_a_later_deployment_that_failed_as_well(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.deploy(aws.OTHER)["status"] = "STOPPED"
    aws.service["deployments"][0].update(rolloutState="FAILED", rolloutStateReason="Broken.")
    assert "is superseded: Broken. Next: release it again" in message(record())
    assert aws.written == []


def test_the_later_of_two_that_end_together_wins(aws: Any, record: Record) -> None:
    """While this recorder looks, the other release is completed and recorded."""
    aws.deploy(aws.OLD)
    aws.deploy(aws.NEW)

    def other_release() -> None:
        aws.deploy(aws.OTHER)
        aws.parameters.update({"/my-app/image-previous": aws.OLD, "/my-app/image": aws.OTHER})

    aws.after["DescribeTasks"].append(other_release)
    text = message(record())
    assert "is superseded" in text
    assert aws.parameters == {"/my-app/image": aws.OTHER, "/my-app/image-previous": aws.OLD}


def test_a_deployment_that_begins_after_the_record_is_for_its_own_recorder(
    aws: Any, record: Record
) -> None:
    aws.deploy(aws.NEW)

    def next_release() -> None:
        aws.deploy(aws.OTHER)["status"] = "IN_PROGRESS"
        aws.service["deployments"][0]["rolloutState"] = "IN_PROGRESS"

    aws.after["PutParameter"] += [lambda: None, next_release]
    assert record()["outputVariables"]["Image"] == aws.NEW
    assert aws.parameters["/my-app/image"] == aws.NEW


def test_a_pointer_that_others_move_at_each_look_is_asked_for_again(
    aws: Any, record: Record
) -> None:
    images = iter(f"{aws.OLD[:-64]}{number:064}" for number in range(1, 50))
    aws.deploy(aws.NEW)

    def other_recorder() -> None:
        aws.parameters["/my-app/image"] = next(images)

    aws.after["DescribeTasks"] += [other_recorder] * 20
    assert "to stay as it is" in record()["executionDetails"]["summary"]
    assert aws.written == []


def test_the_time_is_up(aws: Any, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.deploy(aws.NEW)["status"] = "IN_PROGRESS"
    moment = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    monkeypatch.setattr("release_recorder.handler._now", lambda: int(moment))
    token = record()["continuationToken"]
    assert json.loads(token)["started"] == moment
    moment += 1799
    assert record(token)["continuationToken"] == token
    moment += 1
    text = message(record(token))
    assert "1800 seconds were not enough for the deployment arn:aws:ecs:" in text
    assert "/my-app/image is unchanged" in text
    aws.service_deployments[0]["status"] = "SUCCESSFUL"
    assert "outputVariables" in record(token)


def test_texts_of_others_stay_on_one_line_and_in_bounds(aws: Any, record: Record) -> None:
    aws.roll_back(statusReason='x\n{"decision": "recorded"}\x1b[2J\u202e' + "y" * 9000)
    for number in range(20):
        aws.stop_task(f"{number}\x00 " + "z" * 9000, exitCode=1, reason="r" * 9000)
    text = message(record())
    assert len(text) <= 5000
    assert text.isprintable()
    assert 'x {"decision": "recorded"} [2J y' in text
    assert "14 further reasons" in text
    assert text.endswith("fix the cause, and release again.")
    assert f"The service runs {aws.OLD}" in text


def test_the_longest_names_leave_room_for_what_to_do_next(aws: Any, record: Record) -> None:
    aws.roll_back(statusReason="y" * 9000)
    for number in range(20):
        aws.stop_task(f"{number} " + "z" * 9000, exitCode=1)
    aws.service["serviceName"] = "s" * 255
    for definition in aws.definitions.values():
        log = definition["containerDefinitions"][1]["logConfiguration"]
        log["options"]["awslogs-group"] = "/" + "l" * 511
    text = message(record(service="s" * 255, cluster="c" * 255))
    assert text.endswith("fix the cause, and release again.")
    assert len(text) <= 5000


def test_nothing_of_a_containers_environment_is_shown(
    aws: Any, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.roll_back()
    aws.stop_task("Essential container in task exited", exitCode=1)
    assert "hunter2" not in message(record())
    printed = capsys.readouterr().out
    assert "hunter2" not in printed
    assert "very-secret" not in printed


def test_a_container_without_a_log_group(aws: Any, record: Record) -> None:
    aws.roll_back()
    for definition in aws.definitions.values():
        del definition["containerDefinitions"][1]["logConfiguration"]
    assert "Next: look at the log of app and the events" in message(record())
