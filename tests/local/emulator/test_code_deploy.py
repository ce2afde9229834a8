"""CodeDeploy for ECS, without a container engine: traffic, hooks, waits, and the way back."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.code_deploy.configurations import Step, canary, linear, steps
from tests.local.emulator.code_deploy import (
    CANARY,
    FINAL,
    LINEAR,
    Blue,
    Notices,
    refused,
)
from tests.local.emulator.code_deploy_template import ROLLBACK
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually


@pytest.mark.parametrize("rule", [True, False])
def test_a_deployment_replaces_the_tasks_and_the_next_goes_the_other_way(
    emulator: Emulator, rule: bool
) -> None:
    blue = Blue(emulator, rule=rule)
    first = blue.deploy("good:2")
    assert blue.ended(first)["status"] == "Succeeded", blue.info(first)
    assert blue.images() == ["good:2"]
    assert blue.weights() == blue.weights("Test") == {"Blue": 0, "Green": 100}
    assert set(blue.events(first).values()) == {"Succeeded"}
    second = blue.deploy("good:3")
    assert blue.ended(second)["status"] == "Succeeded"
    assert blue.images() == ["good:3"]
    assert blue.weights() == blue.weights("Test") == {"Blue": 100, "Green": 0}


def test_the_events_of_a_deployment(emulator: Emulator) -> None:
    blue = Blue(emulator)
    notices = Notices(blue)
    deployment = blue.deploy("good:2", description="a release")
    info = blue.ended(deployment)
    assert deployment.startswith("d-")
    assert len(deployment) == 11
    assert info["creator"] == "user"
    assert info["description"] == "a release"
    assert info["computePlatform"] == "ECS"
    assert info["deploymentOverview"]["Succeeded"] == 1
    assert info["autoRollbackConfiguration"] == {"enabled": True, "events": ROLLBACK}
    assert info["createTime"] <= info["startTime"] <= info["completeTime"]
    assert "errorInformation" not in info
    target = blue.target(deployment)
    assert target["targetId"] == f"{blue.name}:{blue.name}"
    assert target["targetArn"].endswith(f":service/{blue.name}/{blue.name}")
    assert target["status"] == "Succeeded"
    reported = eventually(lambda: [n for n in [notices.of(deployment)] if len(n) == 2])[0]
    assert [each["detail"]["state"] for each in reported] == ["START", "SUCCESS"]
    assert reported[0]["detail-type"] == "CodeDeploy Deployment State-change Notification"
    prefix = f"arn:aws:codedeploy:{REGION}:{ACCOUNT}"
    application = blue.group["applicationName"]
    assert reported[0]["resources"] == [
        f"{prefix}:application:{application}",
        f"{prefix}:deploymentgroup:{application}/{blue.group['deploymentGroupName']}",
    ]
    group = blue.api.get_deployment_group(**blue.group)["deploymentGroupInfo"]
    assert group["lastSuccessfulDeployment"]["deploymentId"] == deployment
    assert reported[0]["detail"]["instanceGroupId"] == group["deploymentGroupId"]
    assert group["targetRevision"] == info["revision"]
    known = blue.api.get_application_revision(
        applicationName=blue.group["applicationName"], revision=info["revision"]
    )
    assert known["revisionInfo"]["deploymentGroups"] == [blue.group["deploymentGroupName"]]


@pytest.mark.parametrize(
    ("routing", "expected"),
    [
        (linear(40, 2), [Step(40, 2), Step(80, 2), Step(100, 0)]),
        (linear(50, 1), [Step(50, 1), Step(100, 0)]),
        (linear(99, 1), [Step(99, 1), Step(100, 0)]),
        (canary(10, 15), [Step(10, 15), Step(100, 0)]),
        ({"type": "AllAtOnce"}, [Step(100, 0)]),
    ],
)
def test_the_steps_of_a_shift(routing: dict[str, Any], expected: list[Step]) -> None:
    assert steps(routing) == expected


@pytest.mark.parametrize(
    ("routing", "seen"),
    [(LINEAR, [0, 40, 80, 100]), (CANARY, [0, 10, 100])],
)
def test_traffic_moves_in_steps(
    emulator: Emulator, routing: dict[str, Any], seen: list[int]
) -> None:
    blue = Blue(emulator, routing=routing)
    deployment = blue.deploy()
    weights: list[int] = []

    def sample() -> bool:
        now = blue.weights().get("Green", 0)
        if not weights or weights[-1] != now:
            weights.append(now)
            if 0 < now < 100:
                assert blue.images() == ["good:1", "good:2"]
                reported = {
                    each["taskSetLabel"]: each for each in blue.target(deployment)["taskSetsInfo"]
                }
                assert reported["Green"]["trafficWeight"] == now
                blue.forward(5)
        return blue.info(deployment)["status"] in FINAL

    eventually(sample)
    assert weights == seen
    assert blue.info(deployment)["status"] == "Succeeded"


def test_a_failing_task_times_out_and_goes_back(emulator: Emulator) -> None:
    blue = Blue(emulator)
    image = emulator.new_name("broken") + ":1"
    emulator.local("POST", "broken-image", image=image)
    deployment = blue.deploy(image)
    blue.reaches(deployment, "Install")
    eventually(lambda: len(blue.service()["taskSets"]) == 2)
    blue.forward(61)
    back = blue.rolled_back(deployment)
    info = blue.info(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "TIMEOUT")
    assert "60 minutes" in info["errorInformation"]["message"]
    assert back["creator"] == "codeDeployRollback"
    assert back["rollbackInfo"]["rollbackTriggeringDeploymentId"] == deployment
    assert blue.events(deployment)["AllowTraffic"] == "Skipped"
    assert blue.images() == ["good:1"]
    assert blue.weights() == {"Blue": 100, "Green": 0}


@pytest.mark.parametrize(
    ("at", "what", "words"),
    [
        ("AfterInstall", "Failed", "has answered Failed"),
        ("AfterAllowTestTraffic", "break", "broken"),
        ("BeforeAllowTraffic", "Failed", "has answered Failed"),
        ("AfterAllowTraffic", "Failed", "has answered Failed"),
    ],
)
def test_a_failing_hook_goes_back(emulator: Emulator, at: str, what: str, words: str) -> None:
    blue = Blue(emulator, hooks={"Check": what})
    deployment = blue.deploy(**{at: "Check"})
    back = blue.rolled_back(deployment)
    info = blue.info(deployment)
    assert info["status"] == "Failed"
    assert info["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"
    assert at in info["errorInformation"]["message"]
    assert words in blue.failure_of(deployment, at)
    assert blue.events(back["deploymentId"])["AllowTraffic"] == "Succeeded"
    assert blue.images() == ["good:1"]
    assert blue.weights() == blue.weights("Test") == {"Blue": 100, "Green": 0}


def test_before_there_is_a_replacement_there_is_no_way_back(emulator: Emulator) -> None:
    blue = Blue(emulator, hooks={"Check": "Failed"})
    deployment = blue.deploy(BeforeInstall="Check")
    info = blue.ended(deployment)
    assert info["status"] == "Failed"
    assert "rollbackInfo" not in info
    assert blue.images() == ["good:1"]
    assert blue.weights() == {"Blue": 1}


def test_hooks_let_a_deployment_go_on(emulator: Emulator) -> None:
    blue = Blue(emulator, hooks={"Check": "Succeeded"})
    deployment = blue.deploy(AfterInstall="Check", AfterAllowTraffic="Check")
    assert blue.ended(deployment)["status"] == "Succeeded"
    ids = emulator.client("ssm").get_parameter(Name=blue.ids["Check"])["Parameter"]["Value"]
    reported, execution = ids.split()
    assert reported == deployment
    with pytest.raises(ClientError) as late:
        blue.api.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=execution, status="Failed"
        )
    assert refused(late)[0] == "LifecycleEventAlreadyCompletedException"


def test_a_hook_may_answer_later_but_not_after_an_hour(emulator: Emulator) -> None:
    blue = Blue(emulator, hooks={"Check": "silent"})
    deployment = blue.deploy(AfterAllowTestTraffic="Check")
    own = blue.execution("Check", deployment)
    assert blue.weights("Test") == {"Blue": 0, "Green": 100}
    assert blue.weights() == {"Blue": 100, "Green": 0}
    for wrong, code in (
        ({"status": "Skipped"}, "InvalidLifecycleEventHookExecutionStatusException"),
        (
            {"lifecycleEventHookExecutionId": "another"},
            "InvalidLifecycleEventHookExecutionIdException",
        ),
    ):
        request = {"lifecycleEventHookExecutionId": own, "status": "Succeeded", **wrong}
        with pytest.raises(ClientError) as error:
            blue.api.put_lifecycle_event_hook_execution_status(deploymentId=deployment, **request)
        assert refused(error)[0] == code
    blue.api.put_lifecycle_event_hook_execution_status(
        deploymentId=deployment, lifecycleEventHookExecutionId=own, status="Succeeded"
    )
    assert blue.ended(deployment)["status"] == "Succeeded"

    deployment = blue.deploy(AfterAllowTestTraffic="Check")
    blue.execution("Check", deployment)
    blue.forward(61)
    info = blue.ended(deployment)
    assert info["status"] == "Failed"
    assert "did not answer within 60 minutes" in info["errorInformation"]["message"]


@pytest.mark.parametrize("by", ["somebody", "an alarm"])
def test_a_deployment_ends_while_a_hook_has_not_answered(emulator: Emulator, by: str) -> None:
    blue = Blue(emulator, hooks={"Check": "silent"})
    deployment = blue.deploy(AfterInstall="Check")
    own = blue.execution("Check", deployment)
    if by == "somebody":
        blue.api.stop_deployment(deploymentId=deployment)
    else:
        blue.alarm("ALARM")
    blue.rolled_back(deployment)
    assert blue.info(deployment)["status"] == "Stopped"
    with pytest.raises(ClientError) as late:
        blue.api.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=own, status="Succeeded"
        )
    assert refused(late)[0] == "LifecycleEventAlreadyCompletedException"


def test_a_hook_that_is_not_there_fails(emulator: Emulator) -> None:
    blue = Blue(emulator)
    content = blue.app_spec(blue.definition()).replace(
        '"Hooks": []', '"Hooks": [{"AfterInstall": "nobody"}]'
    )
    info = blue.ended(blue.deploy(content=content))
    assert info["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"
    assert "cannot be called" in info["errorInformation"]["message"]


def test_an_alarm_during_the_shift_goes_back(emulator: Emulator) -> None:
    blue = Blue(emulator, routing=CANARY)
    deployment = blue.deploy()
    eventually(lambda: blue.weights().get("Green") == 10)
    blue.alarm("ALARM")
    blue.rolled_back(deployment)
    info = blue.info(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert blue.name in info["errorInformation"]["message"]
    assert blue.images() == ["good:1"]
    assert blue.weights() == {"Blue": 100, "Green": 0}


def test_an_alarm_while_the_old_tasks_wait_goes_back(emulator: Emulator) -> None:
    blue = Blue(emulator, termination=60)
    deployment = blue.deploy()
    eventually(lambda: blue.info(deployment)["instanceTerminationWaitTimeStarted"])
    assert blue.images() == ["good:2", "good:1"]
    assert blue.service()["loadBalancers"][0]["targetGroupArn"] == blue.ids["Green"]
    blue.alarm("ALARM")
    blue.rolled_back(deployment)
    assert blue.images() == ["good:1"]
    assert blue.weights() == {"Blue": 100, "Green": 0}
    assert blue.service()["loadBalancers"][0]["targetGroupArn"] == blue.ids["Blue"]


def test_an_alarm_that_is_on_ends_a_deployment_before_it_does_anything(emulator: Emulator) -> None:
    blue = Blue(emulator)
    blue.alarm("ALARM")
    info = blue.ended(blue.deploy())
    assert info["errorInformation"]["code"] == "ALARM_ACTIVE"
    assert blue.images() == ["good:1"]


def test_other_alarms_may_be_watched(emulator: Emulator) -> None:
    blue = Blue(emulator)
    blue.alarm("ALARM")
    deployment = blue.deploy(overrideAlarmConfiguration={"enabled": False, "alarms": []})
    assert blue.ended(deployment)["status"] == "Succeeded"


def test_somebody_lets_the_traffic_go(emulator: Emulator) -> None:
    blue = Blue(emulator, approval=60, termination=60)
    notices = Notices(blue)
    deployment = blue.deploy()
    blue.becomes(deployment, "Ready")
    assert blue.weights() == {"Blue": 100, "Green": 0}
    assert blue.weights("Test") == {"Blue": 0, "Green": 100}
    with pytest.raises(ClientError) as early:
        blue.api.continue_deployment(deploymentId=deployment, deploymentWaitType="TERMINATION_WAIT")
    assert refused(early)[0] == "DeploymentIsNotInReadyStateException"
    blue.api.continue_deployment(deploymentId=deployment, deploymentWaitType="READY_WAIT")
    eventually(lambda: blue.info(deployment)["instanceTerminationWaitTimeStarted"])
    assert blue.weights() == {"Blue": 0, "Green": 100}
    blue.api.continue_deployment(deploymentId=deployment, deploymentWaitType="TERMINATION_WAIT")
    assert blue.ended(deployment)["status"] == "Succeeded"
    assert blue.images() == ["good:2"]
    states = eventually(lambda: [n for n in [notices.of(deployment)] if len(n) == 3])[0]
    assert [each["detail"]["state"] for each in states] == ["START", "READY", "SUCCESS"]


def test_nobody_lets_the_traffic_go(emulator: Emulator) -> None:
    blue = Blue(emulator, approval=60)
    deployment = blue.deploy()
    blue.becomes(deployment, "Ready")
    blue.forward(61)
    blue.rolled_back(deployment)
    info = blue.info(deployment)
    assert info["status"] == "Stopped"
    assert "within 60 minutes" in info["errorInformation"]["message"]
    assert blue.images() == ["good:1"]
    assert blue.weights() == blue.weights("Test") == {"Blue": 100, "Green": 0}


@pytest.mark.parametrize("roll_back", [None, True, False])
def test_somebody_stops_a_deployment(emulator: Emulator, roll_back: bool | None) -> None:
    blue = Blue(emulator, routing=CANARY)
    deployment = blue.deploy()
    eventually(lambda: blue.weights().get("Green") == 10)
    wanted = {} if roll_back is None else {"autoRollbackEnabled": roll_back}
    blue.api.stop_deployment(deploymentId=deployment, **wanted)
    info = blue.ended(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    if roll_back is False:
        assert "rollbackInfo" not in info
        assert blue.weights() == {"Blue": 90, "Green": 10}
    else:
        blue.rolled_back(deployment)
        assert blue.weights() == {"Blue": 100, "Green": 0}
    with pytest.raises(ClientError) as over:
        blue.api.stop_deployment(deploymentId=deployment)
    assert refused(over)[0] == "DeploymentAlreadyCompletedException"
    # The next deployment clears up what was left.
    other = blue.deploy("good:3")
    eventually(lambda: blue.images() == ["good:1", "good:3"])
    eventually(lambda: blue.weights().get("Green") == 10)
    blue.forward(5)
    assert blue.ended(other)["status"] == "Succeeded"


def test_a_group_without_rollback_stays_where_it_failed(emulator: Emulator) -> None:
    blue = Blue(emulator, hooks={"Check": "Failed"}, AutoRollbackConfiguration={"Enabled": False})
    info = blue.ended(blue.deploy(AfterAllowTraffic="Check"))
    assert "rollbackInfo" not in info
    assert blue.weights() == {"Blue": 0, "Green": 100}
    assert blue.images() == ["good:2", "good:1"]


@pytest.mark.parametrize("when", ["Install", "AllowTraffic"])
def test_a_service_that_goes_away_fails_its_deployment(emulator: Emulator, when: str) -> None:
    blue = Blue(emulator, routing=CANARY)
    image = emulator.new_name("broken") + ":1"
    if when == "Install":
        emulator.local("POST", "broken-image", image=image)
    deployment = blue.deploy(image)
    eventually(lambda: len(blue.service()["taskSets"]) == 2)
    blue.reaches(deployment, when)
    said = len(emulator.log.read_text())
    blue.ecs.delete_service(**blue.where, force=True)
    blue.forward(5)
    info = blue.ended(deployment)
    assert info["errorInformation"]["code"] == "ECS_UPDATE_ERROR"
    back = blue.ended(info["rollbackInfo"]["rollbackDeploymentId"])
    assert (back["status"], back["errorInformation"]["code"]) == ("Failed", "ECS_UPDATE_ERROR")
    assert "Traceback" not in emulator.log.read_text()[said:]


def test_one_deployment_at_a_time(emulator: Emulator) -> None:
    blue = Blue(emulator, approval=60)
    deployment = blue.deploy()
    with pytest.raises(ClientError) as error:
        blue.deploy()
    code, message = refused(error)
    assert code == "DeploymentLimitExceededException"
    assert deployment in message
    blue.becomes(deployment, "Ready")
    blue.api.stop_deployment(deploymentId=deployment)
    blue.rolled_back(deployment)
    second = blue.deploy()
    listed = blue.api.list_deployments(**blue.group)["deployments"]
    assert (listed[0], listed[-1], len(listed)) == (second, deployment, 3)
    stopped = blue.api.list_deployments(**blue.group, includeOnlyStatuses=["Stopped"])
    assert stopped["deployments"] == [deployment]
    described = blue.api.batch_get_deployments(deploymentIds=[deployment, "d-NOTTHERE0"])
    assert [each["deploymentId"] for each in described["deploymentsInfo"]] == [deployment]
    blue.becomes(second, "Ready")
    blue.api.continue_deployment(deploymentId=second)
    assert blue.ended(second)["status"] == "Succeeded"


def test_what_the_end_of_the_emulator_interrupts_fails(
    new_emulator: Callable[..., Emulator],
) -> None:
    emulator = new_emulator()
    blue = Blue(emulator, routing=CANARY)
    deployment = blue.deploy()
    eventually(lambda: blue.weights().get("Green") == 10)
    emulator.stop()
    emulator.start()
    info = blue.info(deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", "INTERNAL_ERROR")
    eventually(lambda: blue.service()["runningCount"] == 2)
    other = blue.deploy("good:3")
    eventually(lambda: blue.images() == ["good:1", "good:3"])
    eventually(lambda: blue.weights().get("Green") == 10)
    blue.forward(5)
    assert blue.ended(other)["status"] == "Succeeded"
    assert blue.images() == ["good:3"]
