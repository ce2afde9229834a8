"""ECS without a container engine: deployments, circuit breaker, events, and the API's responses."""

import math
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.ecs import deployments
from local.emulator.ecs.container_options import options
from local.emulator.ecs.health_checks import Failure, TargetCheck, matches
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually
from tests.local.emulator.rolling import RollingService


def test_a_new_service_completes_its_first_deployment(emulator: Emulator) -> None:
    service = RollingService(emulator)
    shown = service.shown()
    (deployment,) = shown["deployments"]
    assert (shown["runningCount"], shown["pendingCount"]) == (2, 0)
    assert deployment["status"] == "PRIMARY"
    assert deployment["rolloutState"] == "COMPLETED"
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."
    assert [event["message"] for event in shown["events"]][:2] == [
        f"(service {service.name}) has reached a steady state.",
        f"(service {service.name}) (deployment {deployment['id']}) deployment completed.",
    ]
    tasks = service.tasks()
    assert [(task["lastStatus"], task["startedBy"]) for task in tasks] == [
        ("RUNNING", deployment["id"])
    ] * 2
    assert {task["taskArn"] for task in service.tasks(startedBy=deployment["id"])} == {
        task["taskArn"] for task in tasks
    }
    (found,) = service.deployments()
    assert found["status"] == "SUCCESSFUL"
    assert found["sourceServiceRevisions"] == []
    assert found["targetServiceRevision"]["runningTaskCount"] == 2
    assert found["deploymentCircuitBreaker"] == {
        "status": "MONITORING_COMPLETE",
        "failureCount": 0,
        "threshold": 3,
    }
    assert shown["currentServiceDeployment"] == found["serviceDeploymentArn"]
    (current,) = shown["currentServiceRevisions"]
    assert current["arn"] == found["targetServiceRevision"]["arn"]


def test_a_release_replaces_the_tasks_and_is_remembered(emulator: Emulator) -> None:
    service = RollingService(emulator)
    before = {task["taskArn"] for task in service.tasks()}
    (first,) = service.deployments()
    digest = f"sha256:{'1' * 64}"
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app@{digest}"
    service.release(image)
    second = service.ended()
    assert second["status"] == "SUCCESSFUL"
    assert [s["arn"] for s in second["sourceServiceRevisions"]] == [
        first["targetServiceRevision"]["arn"]
    ]
    assert re.fullmatch(
        rf"arn:aws:ecs:{REGION}:{ACCOUNT}:service-deployment/{service.name}/{service.name}/[\w-]+",
        second["serviceDeploymentArn"],
    )
    answer = service.ecs.describe_service_revisions(
        serviceRevisionArns=[second["targetServiceRevision"]["arn"], "arn:none"]
    )
    assert answer["failures"] == [{"arn": "arn:none", "reason": "MISSING"}]
    (revision,) = answer["serviceRevisions"]
    assert revision["taskDefinition"] == service.shown()["taskDefinition"]
    assert revision["containerImages"] == [
        {"containerName": "app", "image": image, "imageDigest": digest}
    ]
    stopped = service.tasks("STOPPED")
    assert {task["taskArn"] for task in stopped} == before
    deployment = service.shown()["deployments"][0]["id"]
    for task in stopped:
        assert task["stopCode"] == "ServiceSchedulerInitiated"
        assert task["stoppedReason"] == (f"Scaling activity initiated by (deployment {deployment})")
    (container,) = service.tasks()[0]["containers"]
    assert (container["image"], container["imageDigest"]) == (image, digest)
    assert (container["lastStatus"], container["healthStatus"]) == ("RUNNING", "UNKNOWN")


def test_a_broken_release_trips_the_breaker_and_is_rolled_back(
    emulator: Emulator, broken: Callable[[str], str]
) -> None:
    service = RollingService(emulator)
    good = service.shown()["deployments"][0]
    before = {task["taskArn"] for task in service.tasks()}
    answer = service.release(broken("broken:1"))
    new = answer["deployments"][0]
    assert (new["status"], new["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    assert new["rolloutStateReason"] == f"ECS deployment {new['id']} in progress."
    found = service.ended()

    assert found["status"] == "ROLLBACK_SUCCESSFUL"
    assert "circuit breaker" in found["statusReason"]
    breaker = found["deploymentCircuitBreaker"]
    assert breaker == {"status": "TRIGGERED", "failureCount": 3, "threshold": 3}
    (first,) = (each for each in service.deployments() if each["status"] == "SUCCESSFUL")
    assert found["rollback"]["serviceRevisionArn"] == first["targetServiceRevision"]["arn"]
    assert found["rollback"]["startedAt"] >= found["startedAt"]
    assert found["finishedAt"] >= found["rollback"]["startedAt"]

    shown = service.shown()
    states = {each["id"]: each for each in shown["deployments"]}
    assert states[good["id"]]["status"] == "PRIMARY"
    assert states[good["id"]]["rolloutState"] == "COMPLETED"
    assert states[new["id"]]["rolloutState"] == "FAILED"
    assert states[new["id"]]["failedTasks"] == 3
    assert states[new["id"]]["desiredCount"] == 0
    assert states[new["id"]]["rolloutStateReason"] == (
        "ECS deployment circuit breaker: tasks failed to start."
    )
    assert shown["taskDefinition"] == good["taskDefinition"]
    assert {task["taskArn"] for task in service.tasks()} == before
    messages = [event["message"] for event in shown["events"]]
    about = f"(service {service.name})"
    assert f"{about} rolling back to deployment {good['id']}." in messages
    failed = f"{about} (deployment {new['id']}) deployment failed: tasks failed to start."
    assert failed in messages

    stopped = [
        task for task in service.tasks("STOPPED") if task["stopCode"] == "EssentialContainerExited"
    ]
    assert len(stopped) >= 3
    assert {task["stoppedReason"] for task in stopped} == {"Essential container in task exited"}
    assert {task["containers"][0]["exitCode"] for task in stopped} == {1}
    assert {task["startedBy"] for task in stopped} == {new["id"]}


def test_the_events_come_in_order(emulator: Emulator, broken: Callable[[str], str]) -> None:
    service = RollingService(emulator, count=1)
    good = service.shown()["deployments"][0]["id"]
    bad = service.release(broken("broken:2"))["deployments"][0]["id"]
    service.ended()
    breaker = "ECS deployment circuit breaker"
    expected = [
        ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", good, f"ECS deployment {good} in progress."),
        ("INFO", "SERVICE_DEPLOYMENT_COMPLETED", good, f"ECS deployment {good} completed."),
        ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", bad, f"ECS deployment {bad} in progress."),
        ("ERROR", "SERVICE_DEPLOYMENT_FAILED", bad, f"{breaker}: tasks failed to start."),
        (
            "INFO",
            "SERVICE_DEPLOYMENT_IN_PROGRESS",
            good,
            f"{breaker}: rolling back to deploymentId {good}.",
        ),
        ("INFO", "SERVICE_DEPLOYMENT_COMPLETED", good, f"ECS deployment {good} completed."),
    ]

    def reported() -> list[tuple[str, ...]]:
        return [
            tuple(each["detail"][k] for k in ("eventType", "eventName", "deploymentId", "reason"))
            for each in service.events("ECS Deployment State Change")
        ]

    eventually(lambda: len(reported()) >= len(expected))
    assert reported() == expected

    (failed, *_) = (
        task for task in service.tasks("STOPPED") if task["stopCode"] == "EssentialContainerExited"
    )
    events = [
        each["detail"]
        for each in service.events("ECS Task State Change")
        if each["resources"] == [failed["taskArn"]]
    ]
    assert [(each["lastStatus"], each["desiredStatus"]) for each in events] == [
        ("PROVISIONING", "RUNNING"),
        ("PENDING", "RUNNING"),
        ("ACTIVATING", "STOPPED"),
        ("DEPROVISIONING", "STOPPED"),
        ("STOPPED", "STOPPED"),
    ]
    assert [each["version"] for each in events] == sorted(each["version"] for each in events)
    last = events[-1]
    assert last["stopCode"] == "EssentialContainerExited"
    assert last["stoppedReason"] == "Essential container in task exited"
    assert last["group"] == f"service:{service.name}"
    assert last["startedBy"] == bad
    assert "healthStatus" not in last
    (container,) = last["containers"]
    assert (container["name"], container["exitCode"]) == ("app", 1)
    assert datetime.fromisoformat(last["stoppedAt"]) >= datetime.fromisoformat(last["stoppingAt"])


def test_without_rollback_the_failed_deployment_stays(
    emulator: Emulator, broken: Callable[[str], str]
) -> None:
    service = RollingService(emulator, breaker={"enable": True, "rollback": False})
    before = {task["taskArn"] for task in service.tasks()}
    service.release(broken("broken:3"))
    found = service.ended()
    assert found["status"] == "STOPPED"
    assert "rollback" not in found
    newest, old = service.shown()["deployments"]
    assert (newest["status"], newest["rolloutState"]) == ("PRIMARY", "FAILED")
    assert (old["status"], old["rolloutState"]) == ("ACTIVE", "COMPLETED")
    assert {task["taskArn"] for task in service.tasks()} == before
    service.release("good:2")
    assert service.ended()["status"] == "SUCCESSFUL"
    assert len(service.shown()["deployments"]) == 1


def test_a_first_deployment_has_nothing_to_go_back_to(
    emulator: Emulator, broken: Callable[[str], str]
) -> None:
    broken("good:1")
    service = RollingService(emulator, count=1)
    assert service.ended()["status"] == "ROLLBACK_FAILED"
    (deployment,) = service.shown()["deployments"]
    assert deployment["rolloutState"] == "FAILED"
    assert service.tasks() == []


def test_without_a_breaker_tasks_are_started_again_and_again(
    emulator: Emulator, broken: Callable[[str], str]
) -> None:
    service = RollingService(emulator, count=1, breaker={"enable": False, "rollback": False})
    image = broken("broken:4")
    service.release(image)
    eventually(lambda: service.shown()["deployments"][0]["failedTasks"] >= 4)
    newest = service.deployments()[0]
    assert newest["status"] == "IN_PROGRESS"
    assert newest["deploymentCircuitBreaker"]["status"] == "DISABLED"
    messages = [event["message"] for event in service.shown()["events"]]
    assert any("unable to consistently start tasks successfully" in each for each in messages)
    emulator.local("POST", "broken-image", image=image, broken="false")
    assert service.ended()["status"] == "SUCCESSFUL"


def test_a_later_release_takes_the_place_of_one_under_way(
    emulator: Emulator, broken: Callable[[str], str]
) -> None:
    service = RollingService(emulator, breaker={"enable": False, "rollback": False})
    service.release(broken("broken:5"))
    service.release("good:3")
    assert service.ended()["status"] == "SUCCESSFUL"
    newest, stopped, first = service.deployments()
    assert [each["status"] for each in (newest, stopped, first)] == [
        "SUCCESSFUL",
        "STOPPED",
        "SUCCESSFUL",
    ]
    assert stopped["stoppedAt"] <= newest["finishedAt"]
    assert len(service.shown()["deployments"]) == 1


def test_deployments_are_listed_by_status_and_time(emulator: Emulator) -> None:
    service = RollingService(emulator)
    service.release("good:5")
    service.ended()
    assert len(service.deployments()) == 2
    assert len(service.deployments(status=["SUCCESSFUL"])) == 2
    assert service.deployments(status=["STOPPED", "PENDING"]) == []
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    assert len(service.deployments(createdAt={"after": now - hour, "before": now + hour})) == 2
    assert service.deployments(createdAt={"before": now - hour}) == []
    page = service.ecs.list_service_deployments(
        cluster=service.name, service=service.arn, maxResults=1
    )
    assert len(page["serviceDeployments"]) == 1
    rest = service.ecs.list_service_deployments(
        cluster=service.name, service=service.arn, nextToken=page["nextToken"]
    )
    assert "nextToken" not in rest
    brief = page["serviceDeployments"][0]
    assert brief["targetServiceRevisionArn"].startswith(
        f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-revision/{service.name}/"
    )
    with pytest.raises(ClientError, match="ServiceNotFoundException"):
        service.ecs.list_service_deployments(cluster=service.name, service="other")
    with pytest.raises(ClientError, match="ClusterNotFoundException"):
        service.ecs.list_service_deployments(cluster="other", service="other")


def test_a_service_scales_to_nothing_and_back(emulator: Emulator) -> None:
    service = RollingService(emulator)
    service.ecs.update_service(cluster=service.name, service=service.name, desiredCount=0)
    assert service.tasks() == []
    service.release("good:6")
    assert service.ended()["status"] == "SUCCESSFUL"
    service.ecs.update_service(cluster=service.name, service=service.name, desiredCount=3)
    assert [task["containers"][0]["image"] for task in service.tasks()] == ["good:6"] * 3
    service.ecs.get_waiter("services_stable").wait(
        cluster=service.name, services=[service.name], WaiterConfig={"Delay": 1}
    )


def test_only_what_a_revision_holds_makes_a_deployment(emulator: Emulator) -> None:
    service = RollingService(emulator)
    update = service.ecs.update_service
    where = {"cluster": service.name, "service": service.name}
    same = service.shown()["taskDefinition"]
    update(**where, taskDefinition=same, healthCheckGracePeriodSeconds=5, desiredCount=1)
    assert len(service.deployments()) == 1
    assert service.shown()["healthCheckGracePeriodSeconds"] == 5
    update(**where, forceNewDeployment=True)
    assert len(service.deployments()) == 2
    with pytest.raises(ClientError, match="Unable to find task definition"):
        update(**where, taskDefinition="none:1")


def test_a_stopped_task_is_replaced_and_no_failure(emulator: Emulator) -> None:
    service = RollingService(emulator, count=1)
    (task,) = service.tasks()
    stopped = service.ecs.stop_task(cluster=service.name, task=task["taskArn"], reason="why not")
    assert stopped["task"]["stopCode"] == "UserInitiated"
    assert stopped["task"]["stoppedReason"] == "why not"
    (other,) = service.tasks()
    assert other["taskArn"] != task["taskArn"]
    assert service.shown()["deployments"][0]["failedTasks"] == 0
    with pytest.raises(ClientError, match="The referenced task was not found"):
        service.ecs.stop_task(cluster=service.name, task="none")


def test_a_task_of_no_service_runs_until_it_is_stopped(emulator: Emulator) -> None:
    service = RollingService(emulator, count=0)
    started = service.ecs.run_task(cluster=service.name, taskDefinition=service.name, count=2)
    assert [task["lastStatus"] for task in started["tasks"]] == ["PROVISIONING"] * 2
    arn = started["tasks"][0]["taskArn"]
    (task,) = service.ecs.describe_tasks(cluster=service.name, tasks=[arn])["tasks"]
    assert task["lastStatus"] == "RUNNING"
    service.ecs.stop_task(cluster=service.name, task=arn)
    (task,) = service.ecs.describe_tasks(cluster=service.name, tasks=[arn])["tasks"]
    assert (task["lastStatus"], task["stoppedReason"]) == ("STOPPED", "Task stopped by user")


def test_a_deleted_service_leaves_no_task_and_no_target(emulator: Emulator) -> None:
    elb = emulator.client("elbv2")
    group = elb.create_target_group(
        Name=emulator.new_name("group"), Protocol="HTTP", Port=80, VpcId="v", TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 8080}
    service = RollingService(emulator, loadBalancers=[balancer])

    def targets() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = elb.describe_target_health(TargetGroupArn=group)[
            "TargetHealthDescriptions"
        ]
        return found

    assert [each["TargetHealth"] for each in targets()] == [{"State": "healthy"}] * 2
    addresses = {
        detail["value"]
        for task in service.tasks()
        for detail in task["attachments"][0]["details"]
        if detail["name"] == "privateIPv4Address"
    }
    assert {each["Target"]["Id"] for each in targets()} == addresses
    assert {each["Target"]["Port"] for each in targets()} == {8080}
    where = {"cluster": service.name, "service": service.name}
    with pytest.raises(ClientError, match="scaled above 0"):
        service.ecs.delete_service(**where)
    service.ecs.delete_service(**where, force=True)
    assert (targets(), service.tasks()) == ([], [])
    assert service.shown()["status"] == "INACTIVE"


def test_each_task_is_a_target_at_the_port_that_it_was_started_with(emulator: Emulator) -> None:
    elb = emulator.client("elbv2")
    group = elb.create_target_group(
        Name=emulator.new_name("group"), Protocol="HTTP", Port=80, VpcId="v", TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 8080}
    service = RollingService(emulator, loadBalancers=[balancer])
    service.release("good:2", loadBalancers=[{**balancer, "containerPort": 9090}])
    assert service.ended()["status"] == "SUCCESSFUL"
    found = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [each["Target"]["Port"] for each in found] == [9090, 9090]


def template(definition: str, desired: int = 1) -> dict[str, Any]:
    return {
        "Resources": {
            "Cluster": {"Type": "AWS::ECS::Cluster"},
            "Definition": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {"ContainerDefinitions": [{"Name": "app", "Image": definition}]},
            },
            "Service": {
                "Type": "AWS::ECS::Service",
                "Properties": {
                    "Cluster": {"Ref": "Cluster"},
                    "TaskDefinition": {"Ref": "Definition"},
                    "DesiredCount": desired,
                    "DeploymentConfiguration": {
                        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}
                    },
                },
            },
        },
        "Outputs": {
            "Service": {"Value": {"Ref": "Service"}},
            "Cluster": {"Value": {"Ref": "Cluster"}},
        },
    }


def test_a_stack_fails_with_the_deployment_of_its_service_and_is_rolled_back(
    emulator: Emulator, broken: Callable[[str], str]
) -> None:
    stack = emulator.deploy(template("good:7"))
    updated = emulator.deploy_anyhow(template(broken("broken:7")), stack)
    assert updated["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert any(
        "ECS Deployment Circuit Breaker was triggered" in each for each in emulator.reasons(stack)
    )
    outputs = emulator.outputs(stack)
    ecs = emulator.client("ecs")
    (service,) = ecs.describe_services(cluster=outputs["Cluster"], services=[outputs["Service"]])[
        "services"
    ]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    assert definition["taskDefinition"]["containerDefinitions"][0]["image"] == "good:7"
    assert service["runningCount"] == 1
    emulator.deploy(template("good:8"), stack)


def test_a_new_stack_fails_with_its_service_and_leaves_none(
    emulator: Emulator, broken: Callable[[str], str]
) -> None:
    name = emulator.new_name("stack")
    made = emulator.deploy_anyhow(template(broken("broken:8")), name)
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    ecs = emulator.client("ecs")
    clusters = [arn for arn in ecs.list_clusters()["clusterArns"] if f"/{name}-" in arn]
    assert clusters == []


def test_tasks_start_anew_with_the_emulator(new_emulator: Callable[..., Emulator]) -> None:
    emulator = new_emulator()
    service = RollingService(emulator)
    before = {task["taskArn"] for task in service.tasks()}
    emulator.stop()
    emulator.start()

    def started() -> set[str]:
        return {task["taskArn"] for task in service.tasks() if task["lastStatus"] == "RUNNING"}

    eventually(lambda: len(started()) == 2)
    assert not before & started()
    assert [each["status"] for each in service.deployments()] == ["SUCCESSFUL"]


@pytest.mark.parametrize(
    ("desired", "configured", "failures"),
    [
        (1, None, 3),
        (6, None, 3),
        (7, None, 4),
        (25, None, 13),
        (400, None, 200),
        (800, None, 200),
        (10, {"type": "COUNT", "value": 7}, 7),
        (1000, {"type": "UNBOUNDED_PERCENT", "value": 50}, 500),
        (1, {"type": "UNBOUNDED_PERCENT", "value": 10}, 1),
        (10, {"type": "BOUNDED_PERCENT", "value": 90}, 9),
    ],
)
def test_the_threshold_of_the_circuit_breaker(
    desired: int, configured: dict[str, Any] | None, failures: int
) -> None:
    breaker = {"enable": True} | ({"thresholdConfiguration": configured} if configured else {})
    service = {
        "desiredCount": desired,
        "deploymentConfiguration": {"deploymentCircuitBreaker": breaker},
    }
    assert deployments.threshold(service) == failures
    if configured is None:
        assert failures == min(200, max(3, math.ceil(0.5 * desired)))


GROUP = {
    "TargetGroupArn": "arn",
    "HealthCheckIntervalSeconds": 30,
    "HealthyThresholdCount": 3,
    "UnhealthyThresholdCount": 2,
}
BAD = Failure("Target.Timeout", "Request timed out")


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([BAD], "initial"),
        ([BAD, BAD], "unhealthy"),
        ([BAD, None], "healthy"),
        ([None], "healthy"),
        ([None, BAD], "healthy"),
        ([None, BAD, None, BAD], "healthy"),
        ([None, BAD, BAD], "unhealthy"),
        ([None, BAD, BAD, None, None], "unhealthy"),
        ([None, BAD, BAD, None, None, BAD, None], "unhealthy"),
        ([None, BAD, BAD, None, None, None], "healthy"),
    ],
)
def test_the_state_of_a_target(outcomes: list[Failure | None], state: str) -> None:
    check = TargetCheck(GROUP, "127.0.0.1", 80, None)
    for outcome in outcomes:
        check.judge(outcome)
    assert check.state == state
    shown = check.health()
    assert shown["State"] == state
    if state == "unhealthy":
        assert (shown["Reason"], shown["Description"]) == tuple(BAD)


@pytest.mark.parametrize(
    ("matcher", "status", "good"),
    [("200", 200, True), ("200", 204, False), ("200-299", 204, True), ("200,301", 301, True),
     ("200-299,404", 404, True), ("200-299,404", 500, False)],
)  # fmt: skip
def test_matchers(matcher: str, status: int, *, good: bool) -> None:
    assert matches(status, matcher) is good


def test_a_container_definition_as_arguments() -> None:
    definition = {
        "image": "app:1",
        "entryPoint": ["node", "--flag"],
        "command": ["server.js"],
        "user": "1000:1000",
        "workingDirectory": "/app",
        "readonlyRootFilesystem": True,
        "dockerLabels": {"A.b": "c"},
        "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
        "linuxParameters": {
            "initProcessEnabled": True,
            "tmpfs": [{"containerPath": "/scratch", "size": 64, "mountOptions": ["noexec"]}],
            "capabilities": {"drop": ["ALL"]},
        },
        "mountPoints": [
            {"sourceVolume": "data", "containerPath": "/data", "readOnly": True},
            {"sourceVolume": "elsewhere", "containerPath": "/efs"},
        ],
        "healthCheck": {"command": ["CMD", "probe", "a b"], "interval": 10, "timeout": 4},
    }
    found = options(definition, name="n", network="first", volumes={"data": "task-data"})
    wanted = (
        "--name n --health-cmd 'probe '\"'a b'\" --health-interval 500ms --health-start-period 0ms "
        "--health-timeout 4000ms --health-retries 3 --network container:first --user 1000:1000 "
        "--workdir /app --read-only --init --label A.b=c --ulimit nofile=10:20 "
        "--tmpfs /scratch:size=64m,noexec --cap-drop ALL --volume task-data:/data:ro "
        "--entrypoint node app:1 --flag server.js"
    )
    assert found == shlex.split(wanted)


def test_what_a_definition_leaves_open_is_the_images() -> None:
    assert options({"image": "app:1"}, name="n", network=None, volumes={}) == [
        *("--name", "n", "--no-healthcheck", "app:1")
    ]
