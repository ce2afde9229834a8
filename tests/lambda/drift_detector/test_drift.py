"""What is done about a service that runs another image than the recorded one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Look = Callable[..., None]

MINUTE = 60


def test_what_runs_as_recorded_is_left_alone(aws: Any, look: Look) -> None:
    look()
    assert aws.calls == [
        "AssumeRole",
        "GetParameter",
        "DescribeServices",
        "DescribeTaskDefinition",
        "GetParameter",
    ]
    assert aws.keys == {
        "sts": "AKIAOWNOWNOWNOWNOWNO",
        "ecs": "ASIAROLEROLEROLEROLE",
        "ssm": "ASIAROLEROLEROLEROLE",
    }


@pytest.mark.parametrize("count", [1, 0])
@pytest.mark.parametrize("stack", ["UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", None])
def test_the_recorded_image_is_released_and_people_are_notified_once(
    aws: Any, look: Look, stack: str | None, count: int
) -> None:
    aws.run(aws.OLD, count=count)
    aws.stack = stack
    look()
    assert aws.variables == [aws.LIVE.partition("@")[2]]
    (event,) = aws.events
    execution = aws.executions[0]["pipelineExecutionId"]
    assert event == {
        "eventName": "IMAGE_DRIFT_RESTORING",
        "reason": f"The service runs {aws.OLD}, and {aws.LIVE} is recorded as live. A release of "
        f"the recorded image has been started: {execution}. To keep the running image, stop that "
        f"execution and start the pipeline with IMAGE={aws.OLD.partition('@')[2]}; or, if it is in "
        "another repository, disable the transition into the stage that deploys.",
        "id": f"my-pipeline/{aws.now}/RESTORING",
        "pipeline": "my-pipeline",
        "running": aws.OLD,
        "recorded": aws.LIVE,
        "execution-id": execution,
    }
    for _ in range(5):
        aws.now += 5 * MINUTE
        look()
    assert (len(aws.variables), aws.states) == (1, ["RESTORING"])

    aws.end("Succeeded")
    aws.run(aws.LIVE)
    look()
    look()
    assert (len(aws.variables), aws.states) == (1, ["RESTORING", "RESTORED"])


@pytest.mark.parametrize("image", ["my-app:latest", "nginx", "my-app@sha256:short"])
def test_an_image_that_is_named_by_tag_is_another_one(aws: Any, look: Look, image: str) -> None:
    aws.run(image)
    look()
    assert aws.states == ["RESTORING"]
    assert "IMAGE=<its digest>" in aws.events[0]["reason"]


def test_the_same_image_of_another_registry_is_the_recorded_one(aws: Any, look: Look) -> None:
    aws.run(f"mirror.example.com/my-app@{aws.LIVE.partition('@')[2]}")
    look()
    assert aws.events == []


def test_before_the_first_release_nothing_is_done(aws: Any, look: Look) -> None:
    aws.record(aws.SEED)
    for image in (aws.SEED, aws.OLD):
        aws.run(image)
        look()
    assert (aws.variables, aws.events) == ([], [])


def test_a_pointer_edited_by_hand_is_what_is_released(aws: Any, look: Look) -> None:
    aws.record(aws.OLD)
    look()
    assert aws.variables == [aws.OLD.partition("@")[2]]
    # And back, before the release has done anything.
    aws.record(aws.LIVE)
    look()
    assert aws.states == ["RESTORING", "RESTORED"]


def test_a_failed_release_is_started_twice_more_and_then_each_six_hours(
    aws: Any, look: Look
) -> None:
    aws.run(aws.OLD)
    starts = []
    for _ in range(14 * 12):
        before = len(aws.variables)
        look()
        if len(aws.variables) > before:
            starts.append(aws.now)
        aws.end("Failed")
        aws.now += 5 * MINUTE
    hours = 60 * MINUTE
    expected = [0, 10 * MINUTE, 40 * MINUTE]
    expected += [expected[-1] + 6 * hours, expected[-1] + 12 * hours]
    assert [later - starts[0] for later in starts] == expected
    assert len(aws.tokens) == 5
    assert aws.states == ["RESTORING", "GIVEN_UP"]
    assert "3 releases of the recorded image" in aws.events[-1]["reason"]

    # Somebody releases another image, which gets healthy; the next drift starts anew.
    aws.record(aws.OLD)
    look()
    assert aws.states == ["RESTORING", "GIVEN_UP", "RESTORED"]
    aws.run(aws.LIVE)
    look()
    assert aws.states[3:] == ["RESTORING"]


@pytest.mark.parametrize("failures", [0, 3])
def test_a_release_that_somebody_stops_is_the_last(aws: Any, look: Look, failures: int) -> None:
    aws.run(aws.OLD)
    for _ in range(failures):
        look()
        aws.end("Failed")
        aws.now += 40 * MINUTE
    aws.now += 6 * 60 * MINUTE
    look()
    count, told = len(aws.variables), len(aws.states)
    execution = aws.executions[0]["pipelineExecutionId"]
    aws.executions[0]["status"] = "Stopped"
    for _ in range(3):
        look()
        aws.now += 7 * 60 * MINUTE
    assert (len(aws.variables), aws.states[told:]) == (count, ["STOPPED"])
    assert execution in aws.events[-1]["reason"]
    aws.run("nginx")
    look()
    assert aws.states[-1] == "RESTORING"


def test_a_release_of_somebody_else_that_is_stopped_is_none_of_its_own(
    aws: Any, look: Look
) -> None:
    aws.run(aws.OLD)
    aws.execution("Stopped")
    look()
    assert aws.states == ["RESTORING"]


def test_what_it_remembers_stays_small(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    for _ in range(200):
        look()
        aws.end("Failed")
        aws.now += 6 * 60 * MINUTE
    assert len(aws.variables) == 200
    assert len(aws.parameters["/my-app/image-drift"][0]) < 1000


def test_another_drift_starts_anew(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    look()
    aws.end("Failed")
    aws.run("nginx")
    aws.now += MINUTE
    look()
    assert aws.states == ["RESTORING", "RESTORING"]
    assert len({event["id"] for event in aws.events}) == len(aws.tokens) == 2


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_release_that_runs_goes_first_and_one_that_runs_for_long_is_told(
    aws: Any, look: Look, status: str
) -> None:
    aws.run(aws.OLD)
    execution = aws.execution(status)
    look()
    aws.now += 10 * MINUTE
    look()
    assert (aws.variables, aws.events) == ([], [])
    aws.now += 5 * MINUTE
    look()
    look()
    assert aws.states == ["BLOCKED"]
    assert execution in aws.events[0]["reason"]
    aws.end("Failed")
    look()
    assert aws.states == ["BLOCKED", "RESTORING"]


def test_frozen_releases_stay_frozen(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    aws.disabled["Deploy"] = "Year end"
    look()
    look()
    assert (aws.variables, aws.states) == ([], ["FROZEN"])
    assert "the transition into the stage Deploy is off (Year end)" in aws.events[0]["reason"]
    aws.disabled.clear()
    look()
    assert aws.states == ["FROZEN", "RESTORING"]


def test_a_release_that_waits_before_a_frozen_stage_does_not_hide_that(
    aws: Any, look: Look
) -> None:
    aws.run(aws.OLD)
    aws.disabled["Deploy"] = "Year end"
    aws.execution()
    look()
    assert aws.states == []
    aws.now += 15 * MINUTE
    look()
    assert aws.states == ["FROZEN"]


@pytest.mark.parametrize("restores", [True, False])
@pytest.mark.parametrize("ended", ["before", "after"])
def test_a_release_between_its_deployment_and_its_record_is_no_drift(
    aws: Any, look: Look, restores: bool, ended: str
) -> None:
    """The end of its deployment is what the function is called for, in each release."""
    aws.run(aws.OLD)
    aws.execution()
    if ended == "before":  # it is recorded while the function looks

        def end() -> None:
            aws.record(aws.OLD)
            aws.end("Succeeded")

        aws.before["ListPipelineExecutions"].append(end)
    look(restores=restores)
    assert (aws.variables, aws.events) == ([], [])
    aws.record(aws.OLD)
    aws.end("Succeeded")
    look(restores=restores)
    assert (aws.variables, aws.events) == ([], [])


def test_where_people_want_to_be_notified_alone_nothing_is_started(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    for _ in range(3):
        look(restores=False)
        aws.now += 20 * MINUTE
    assert aws.states == ["DETECTED"]
    for image in (aws.OLD, aws.LIVE):
        assert f"IMAGE={image.partition('@')[2]}" in aws.events[0]["reason"]
    assert "GetPipelineState" not in aws.calls
    assert "StartPipelineExecution" not in aws.calls
    aws.run(aws.LIVE)
    look(restores=False)
    assert aws.states == ["DETECTED", "RESTORED"]


@pytest.mark.parametrize(
    "stack",
    [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    ],
)
def test_cloudformation_goes_first(aws: Any, look: Look, stack: str) -> None:
    aws.run(aws.OLD)
    aws.stack = stack
    look()
    assert (aws.variables, aws.events) == ([], [])
    aws.stack = "UPDATE_ROLLBACK_COMPLETE"
    look()
    assert aws.states == ["RESTORING"]


@pytest.mark.parametrize("stack", ["UPDATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"])
def test_a_service_of_no_known_stack_or_one_with_a_change_set_is_not_waited_for(
    aws: Any, look: Look, stack: str
) -> None:
    aws.run(aws.OLD)
    aws.stack = stack
    look(stack=None if stack == "UPDATE_IN_PROGRESS" else "my-stack")
    assert aws.states == ["RESTORING"]


def test_a_deployment_in_progress_goes_first(aws: Any, look: Look) -> None:
    aws.run(aws.OLD, rollout="IN_PROGRESS")
    look()
    aws.run(aws.OLD, rollout=None)
    aws.service["deployments"].append({**aws.service["deployments"][0], "status": "ACTIVE"})
    look()
    assert (aws.variables, aws.events) == ([], [])
    assert "DescribeStacks" not in aws.calls


@pytest.mark.parametrize("restores", [True, False])
@pytest.mark.parametrize("what", ["deployment", "stack", "task sets"])
def test_what_does_not_end_is_notified_once(
    aws: Any, look: Look, what: str, restores: bool
) -> None:
    match what:
        case "deployment":
            aws.run(aws.OLD, rollout="IN_PROGRESS")
            reason = "the deployment ecs-svc/2 is in progress"
        case "stack":
            aws.run(aws.OLD)
            aws.stack = "UPDATE_IN_PROGRESS"
            reason = "the stack my-stack is UPDATE_IN_PROGRESS"
        case _:
            aws.run_task_sets(aws.OLD, aws.LIVE)
            reason = "the service has 2 task sets"
    for _ in range(6):
        look(restores=restores)
        aws.now += 5 * MINUTE
    assert aws.states == []
    for _ in range(3):
        look(restores=restores)
        aws.now += 5 * MINUTE
    assert (aws.variables, aws.states) == ([], ["UNSETTLED"])
    assert reason in aws.events[0]["reason"]

    aws.stack = "UPDATE_COMPLETE"
    aws.run(aws.LIVE)
    look(restores=restores)
    assert aws.states == ["UNSETTLED", "RESTORED"]


def test_what_has_ended_late_goes_on_as_ever(aws: Any, look: Look) -> None:
    aws.run(aws.OLD, rollout="IN_PROGRESS")
    look()
    aws.now += 40 * MINUTE
    aws.run(aws.OLD)
    # Of a release that is in the way, people are notified no sooner for that.
    aws.execution()
    look()
    assert aws.states == []
    aws.end("Failed")
    look()
    assert aws.states == ["RESTORING"]
    # Its deployment is rolled back, which takes a while of its own.
    aws.end("Failed")
    aws.now += 40 * MINUTE
    aws.run(aws.OLD, rollout="IN_PROGRESS")
    look()
    assert aws.states == ["RESTORING"]


def test_the_deployment_of_a_release_may_take_as_long_as_it_likes(aws: Any, look: Look) -> None:
    aws.run(aws.OLD, rollout="IN_PROGRESS")
    look()
    aws.execution()
    for _ in range(20):
        aws.now += 5 * MINUTE
        look()
    aws.end("Failed")
    look()
    assert (aws.variables, aws.events) == ([], [])


@pytest.mark.parametrize("rollout", ["COMPLETED", "FAILED", None])
def test_a_deployment_that_is_over_does_not(aws: Any, look: Look, rollout: str | None) -> None:
    aws.run(aws.OLD, rollout=rollout)
    look()
    assert aws.states == ["RESTORING"]


def test_the_primary_task_set_of_code_deploy_decides_once_it_is_alone_and_steady(
    aws: Any, look: Look
) -> None:
    aws.run_task_sets(aws.OLD, aws.LIVE)
    look()
    aws.run_task_sets(aws.OLD, stability="STABILIZING")
    look()
    aws.run_task_sets(aws.LIVE)
    look()
    assert aws.events == []
    aws.run_task_sets(aws.OLD)
    look()
    assert aws.states == ["RESTORING"]


@pytest.mark.parametrize("status", ["INACTIVE", "DRAINING", None])
def test_a_service_that_is_gone_is_no_drift(aws: Any, look: Look, status: str | None) -> None:
    aws.run(aws.OLD)
    aws.service = {**aws.service, "status": status} if status else {}
    look()
    aws.faults["DescribeServices"].append("ClusterNotFoundException")
    look()
    assert (aws.variables, aws.events) == ([], [])


def test_two_at_once_start_one_release_and_send_one_event(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    # The other one comes between the look of this one and its first write.
    aws.before["PutParameter"].append(look)
    look()
    assert (len(aws.variables), aws.states) == (1, ["RESTORING"])


def test_what_another_one_has_written_meanwhile_is_not_overwritten(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    # The other one starts the release, notifies people, and remembers both.
    aws.before["StartPipelineExecution"].append(look)
    look()
    assert len(aws.variables) == 1
    assert len({event["id"] for event in aws.events}) == 1
    value, version = aws.parameters["/my-app/image-drift"]
    assert (json.loads(value)["notified"], version) == (["RESTORING"], 3)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_release_that_another_one_overwrites_is_notified_nevertheless(
    aws: Any, look: Look, attempt: int
) -> None:
    aws.run(aws.OLD)
    if attempt == 2:
        look()
        aws.end("Failed")
        aws.now += 10 * MINUTE

    def other_write() -> None:
        value, version = aws.parameters["/my-app/image-drift"]
        aws.parameters["/my-app/image-drift"] = (value, version + 1)

    # The first look writes that there is a drift before that.
    aws.before["PutParameter"] += [*([lambda: None] if attempt == 1 else []), other_write]
    look()
    assert (len(aws.variables), aws.states) == (attempt, ["RESTORING"])


def test_one_that_writes_in_the_same_moment_goes_first(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    aws.faults["PutParameter"].append("TooManyUpdates")
    look()
    assert (aws.variables, aws.events) == ([], [])
    look()
    assert aws.states == ["RESTORING"]


def test_two_at_once_that_see_the_end_send_one_event(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    look()
    aws.run(aws.LIVE)
    aws.before["PutParameter"].append(look)
    look()
    assert aws.states == ["RESTORING", "RESTORED"]


def test_a_release_whose_start_was_not_remembered_is_not_started_again(
    aws: Any, look: Look
) -> None:
    aws.run(aws.OLD)
    look_at_writes = aws.faults["PutParameter"]

    def fail_the_next() -> None:
        look_at_writes.append("InternalServerError")

    aws.before["StartPipelineExecution"].append(fail_the_next)
    with pytest.raises(Exception, match="InternalServerError"):
        look()
    aws.end("Failed")
    look()
    assert len(aws.variables) == 1
    assert aws.states == ["RESTORING"]


def test_an_event_that_was_not_taken_is_sent_by_the_next_look(aws: Any, look: Look) -> None:
    aws.run(aws.OLD)
    aws.disabled["Deploy"] = "Year end"
    aws.undelivered = 1
    with pytest.raises(RuntimeError, match="EventBridge has not taken the event about my-app"):
        look()
    look()
    assert aws.states == ["FROZEN"]


@pytest.mark.parametrize("fault", ["not taken", "InternalException"])
def test_the_end_of_a_drift_that_could_not_be_sent_is_sent_by_the_next_look(
    aws: Any, look: Look, fault: str
) -> None:
    aws.run(aws.OLD)
    look()
    aws.run(aws.LIVE)
    if fault == "not taken":
        aws.undelivered = 1
    else:
        aws.faults["PutEvents"].append(fault)
    with pytest.raises(Exception, match=fault):
        look()
    look()
    look()
    assert aws.states == ["RESTORING", "RESTORED"]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("AssumeRole", "AccessDenied"),
        ("GetParameter", "ThrottlingException"),
        ("DescribeServices", "ServerException"),
        ("DescribeTaskDefinition", "ClientException"),
        ("DescribeStacks", "Throttling"),
        ("GetPipelineState", "PipelineNotFoundException"),
        ("ListPipelineExecutions", "ThrottlingException"),
        ("StartPipelineExecution", "ConcurrentPipelineExecutionsLimitExceededException"),
        ("PutEvents", "InternalException"),
    ],
)
def test_an_error_of_aws_fails_the_function_and_the_next_look_goes_on(
    aws: Any, look: Look, operation: str, code: str
) -> None:
    aws.run(aws.OLD)
    aws.faults[operation].append(code)
    with pytest.raises(Exception, match=code):
        look()
    look()
    assert len(aws.variables) == 1


def test_a_pointer_that_is_missing_is_an_error(aws: Any, look: Look) -> None:
    del aws.parameters["/my-app/image"]
    with pytest.raises(Exception, match="there is no parameter /my-app/image"):
        look()


def test_a_container_that_is_missing_is_an_error(aws: Any, look: Look) -> None:
    with pytest.raises(Exception, match=r"'container' of the input must be one of .*'web'"):
        look(container="web")


@pytest.mark.parametrize("text", ["none", "", "{}", "[]", '{"since": "x"}', "null", "7"])
def test_what_somebody_has_written_over_its_memory_is_forgotten(
    aws: Any, look: Look, text: str
) -> None:
    aws.parameters["/my-app/image-drift"] = (text, 7)
    look()
    assert aws.events == []
    aws.run(aws.OLD)
    look()
    assert aws.states == ["RESTORING"]
    assert json.loads(aws.parameters["/my-app/image-drift"][0])["notified"] == ["RESTORING"]


@pytest.mark.parametrize("key", ["cluster", "service", "resource", "pointer", "pipeline", "role"])
@pytest.mark.parametrize("value", [None, "", 7, []])
def test_a_bad_input_is_named(aws: Any, look: Look, key: str, value: Any) -> None:
    with pytest.raises(Exception, match=f"'{key}' of the input must be a string, got"):
        look(**{key: value})
    assert aws.calls == []


@pytest.mark.parametrize("value", [None, "true", 1])
def test_whether_it_restores_must_be_said(look: Look, value: Any) -> None:
    with pytest.raises(Exception, match="'restores' of the input must be true or false"):
        look(restores=value)


@pytest.mark.parametrize("event", [None, [], "x"])
def test_an_input_of_another_kind_is_refused(aws: Any, event: object) -> None:
    from drift_detector.handler import handle

    with pytest.raises(Exception, match="the input must be a JSON object"):
        handle(event, None)
