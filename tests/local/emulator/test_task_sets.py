"""Services whose deployments somebody else makes: their task sets."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.driver import Emulator, eventually


class Managed:
    """A service with task sets, in a cluster of its own, and two target groups."""

    def __init__(
        self, emulator: Emulator, *, controller: str = "CODE_DEPLOY", count: int = 2
    ) -> None:
        self.emulator, self.ecs = emulator, emulator.client("ecs")
        self.name = emulator.new_name("sets")
        self.ecs.create_cluster(clusterName=self.name)
        self.where = {"cluster": self.name, "service": self.name}
        self.blue, self.green = (self._group(name) for name in ("blue", "green"))
        settings: dict[str, Any] = {}
        if controller == "CODE_DEPLOY":
            settings = {
                "taskDefinition": self.definition("good:1"),
                "launchType": "FARGATE",
                "loadBalancers": [self.balancer(self.blue)],
            }
        self.created = self.ecs.create_service(
            cluster=self.name,
            serviceName=self.name,
            desiredCount=count,
            deploymentController={"type": controller},
            **settings,
        )["service"]

    def _group(self, name: str) -> str:
        made = self.emulator.client("elbv2").create_target_group(
            Name=f"{self.name}-{name}", Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip"
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def definition(self, image: str, port: int = 80) -> str:
        registered = self.ecs.register_task_definition(
            family=self.name,
            networkMode="awsvpc",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": image,
                    "memory": 64,
                    "portMappings": [{"containerPort": port}],
                }
            ],
        )
        return str(registered["taskDefinition"]["taskDefinitionArn"])

    @staticmethod
    def balancer(group: str, container: str = "app", port: int = 80) -> dict[str, Any]:
        return {"targetGroupArn": group, "containerName": container, "containerPort": port}

    def add(self, image: str = "good:2", **settings: Any) -> dict[str, Any]:
        given = {"taskDefinition": self.definition(image), "launchType": "FARGATE", **settings}
        given.setdefault("loadBalancers", [self.balancer(self.green)])
        made: dict[str, Any] = self.ecs.create_task_set(**self.where, **given)["taskSet"]
        return made

    def shown(self) -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=self.name, services=[self.name])["services"]
        return dict(found)

    def sets(self) -> dict[str, dict[str, Any]]:
        listed = self.ecs.describe_task_sets(**self.where)["taskSets"]
        return {each["id"]: each for each in listed}

    def running(self, task_set: str) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=self.name, startedBy=task_set)["taskArns"]
        if not arns:
            return []
        found: list[dict[str, Any]] = self.ecs.describe_tasks(cluster=self.name, tasks=arns)[
            "tasks"
        ]
        return found

    def targets(self, group: str) -> list[str]:
        reported = self.emulator.client("elbv2").describe_target_health(TargetGroupArn=group)
        return [each["TargetHealth"]["State"] for each in reported["TargetHealthDescriptions"]]


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_new_service_of_code_deploy_has_a_primary_task_set(emulator: Emulator) -> None:
    service = Managed(emulator)
    shown = service.shown()
    (primary,) = shown["taskSets"]
    assert shown["deployments"] == []
    assert (primary["status"], primary["startedBy"]) == ("PRIMARY", "CODE_DEPLOY")
    assert primary["scale"] == {"value": 100.0, "unit": "PERCENT"}
    assert primary["stabilityStatus"] == "STEADY_STATE"
    assert (primary["computedDesiredCount"], primary["runningCount"]) == (2, 2)
    assert (shown["runningCount"], shown["pendingCount"]) == (2, 0)
    assert service.targets(service.blue) == ["healthy", "healthy"]
    assert {task["startedBy"] for task in service.running(primary["id"])} == {primary["id"]}


def test_another_set_has_its_own_definition_group_and_tasks(emulator: Emulator) -> None:
    service = Managed(emulator)
    made = service.add(externalId="d-123")
    assert (made["status"], made["externalId"]) == ("ACTIVE", "d-123")
    assert made["taskSetArn"].endswith(f":task-set/{service.name}/{service.name}/{made['id']}")
    shown = service.shown()
    assert len(shown["taskSets"]) == 2
    assert shown["taskDefinition"] != made["taskDefinition"]
    assert len(service.running(made["id"])) == 2
    assert service.targets(service.green) == ["healthy", "healthy"]
    assert service.targets(service.blue) == ["healthy", "healthy"]


def test_the_primary_set_is_what_the_service_shows(emulator: Emulator) -> None:
    service = Managed(emulator)
    (first,) = service.sets()
    made = service.add()
    service.ecs.update_service_primary_task_set(**service.where, primaryTaskSet=made["taskSetArn"])
    sets, shown = service.sets(), service.shown()
    assert (sets[first]["status"], sets[made["id"]]["status"]) == ("ACTIVE", "PRIMARY")
    assert shown["taskDefinition"] == made["taskDefinition"]
    assert shown["loadBalancers"][0]["targetGroupArn"] == service.green


def test_a_deleted_set_leaves_nothing(emulator: Emulator) -> None:
    service = Managed(emulator)
    (first,) = service.sets()
    made = service.add()
    with pytest.raises(ClientError) as scaled:
        service.ecs.delete_task_set(**service.where, taskSet=made["id"])
    assert refused(scaled)[0] == "InvalidParameterException"
    reported = service.ecs.delete_task_set(**service.where, taskSet=made["id"], force=True)
    assert reported["taskSet"]["status"] == "DRAINING"
    assert list(service.sets()) == [first]
    assert service.targets(service.green) == []
    assert not service.running(made["id"])


def test_a_set_has_its_part_of_the_desired_count(emulator: Emulator) -> None:
    service = Managed(emulator, count=3)
    (first,) = service.sets()
    made = service.add(scale={"value": 50.0, "unit": "PERCENT"})
    assert service.sets()[made["id"]]["computedDesiredCount"] == 2  # rounded up
    service.ecs.update_service(**service.where, desiredCount=5)
    sets = service.sets()
    assert (sets[first]["runningCount"], sets[made["id"]]["runningCount"]) == (5, 3)
    service.ecs.update_task_set(
        **service.where, taskSet=made["id"], scale={"value": 0.0, "unit": "PERCENT"}
    )
    assert service.sets()[made["id"]]["runningCount"] == 0
    service.ecs.delete_task_set(**service.where, taskSet=made["id"])
    assert list(service.sets()) == [first]


def test_tasks_that_fail_keep_a_set_from_being_steady(emulator: Emulator) -> None:
    service = Managed(emulator, count=1)
    image = emulator.new_name("broken") + ":1"
    emulator.local("POST", "broken-image", image=image)
    made = service.add(image)

    def has_failed_often() -> bool:
        stopped = service.ecs.list_tasks(
            cluster=service.name, startedBy=made["id"], desiredStatus="STOPPED"
        )
        return len(stopped["taskArns"]) >= 4

    eventually(has_failed_often)
    assert service.sets()[made["id"]]["stabilityStatus"] == "STABILIZING"
    assert any("unable to consistently" in each["message"] for each in service.shown()["events"])
    emulator.local("POST", "broken-image", image=image, broken="false")
    eventually(lambda: service.sets()[made["id"]]["stabilityStatus"] == "STEADY_STATE")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"taskDefinition": "{definition}"}, "task definition"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}, "network param"),
        ({"loadBalancers": []}, "load balancers"),
        ({"platformVersion": "1.4.0"}, "platform version"),
        ({"enableExecuteCommand": True}, "execute command"),
        ({"forceNewDeployment": True}, "force a new deployment"),
        ({"deploymentController": {"type": "ECS"}}, "deployment controller"),
    ],
)
def test_what_code_deploy_decides_is_refused(
    emulator: Emulator, change: dict[str, Any], words: str
) -> None:
    service = Managed(emulator)
    before = service.shown()
    if "taskDefinition" in change:
        change = {"taskDefinition": service.definition("good:2")}
    with pytest.raises(ClientError) as error:
        service.ecs.update_service(**service.where, **change, desiredCount=1)
    code, message = refused(error)
    assert code == "InvalidParameterException"
    assert words in message
    after = service.shown()
    assert after["desiredCount"] == before["desiredCount"] == 2
    assert after["taskSets"] == before["taskSets"]


def test_what_the_service_decides_is_taken(emulator: Emulator) -> None:
    service = Managed(emulator)
    service.ecs.update_service(
        **service.where,
        desiredCount=1,
        healthCheckGracePeriodSeconds=7,
        deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 50},
        propagateTags="SERVICE",
    )
    shown = service.shown()
    assert (shown["runningCount"], shown["healthCheckGracePeriodSeconds"]) == (1, 7)
    assert shown["deploymentConfiguration"]["maximumPercent"] == 150


def test_a_service_of_somebody_else_starts_without_a_set(emulator: Emulator) -> None:
    service = Managed(emulator, controller="EXTERNAL", count=1)
    assert service.shown()["taskSets"] == []
    made = service.add()
    assert "startedBy" not in made
    assert len(service.running(made["id"])) == 1
    with pytest.raises(ClientError) as error:
        service.ecs.update_service(**service.where, taskDefinition=service.definition("good:3"))
    assert "EXTERNAL deployment controller" in refused(error)[1]


def test_a_deleted_service_ends_all_sets(emulator: Emulator) -> None:
    service = Managed(emulator)
    service.add()
    service.ecs.delete_service(**service.where, force=True)
    assert service.shown()["status"] == "INACTIVE"
    assert service.targets(service.blue) == service.targets(service.green) == []


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"taskDefinition": "nobody:1"}, "ClientException", "Unable to find"),
        (
            {"scale": {"value": 101.0, "unit": "PERCENT"}},
            "InvalidParameterException",
            "0 to 100",
        ),
        (
            {"loadBalancers": [Managed.balancer("arn", "other")]},
            "InvalidParameterException",
            "The container other does not exist in the task definition.",
        ),
        (
            {"loadBalancers": [Managed.balancer("arn", port=81)]},
            "InvalidParameterException",
            "did not have a container port 81 defined",
        ),
    ],
)
def test_a_set_that_cannot_be_is_refused(
    emulator: Emulator, settings: dict[str, Any], code: str, words: str
) -> None:
    service = Managed(emulator)
    with pytest.raises(ClientError) as error:
        service.add(**settings)
    assert refused(error)[0] == code
    assert words in refused(error)[1]
    assert len(service.sets()) == 1


def test_sets_are_limited_in_number(emulator: Emulator) -> None:
    service = Managed(emulator, count=0)
    for _ in range(4):
        service.add()
    with pytest.raises(ClientError) as error:
        service.add()
    assert refused(error)[0] == "LimitExceededException"


def test_a_set_that_is_not_there(emulator: Emulator) -> None:
    service = Managed(emulator)
    with pytest.raises(ClientError) as error:
        service.ecs.update_service_primary_task_set(**service.where, primaryTaskSet="ecs-svc/1")
    assert refused(error)[0] == "TaskSetNotFoundException"
    reported = service.ecs.describe_task_sets(**service.where, taskSets=["ecs-svc/1"])
    assert reported["failures"] == [{"arn": "ecs-svc/1", "reason": "MISSING"}]


def test_a_service_of_ecs_has_no_sets(emulator: Emulator) -> None:
    service = Managed(emulator)
    service.ecs.create_service(
        cluster=service.name,
        serviceName="rolling",
        taskDefinition=service.definition("good:1"),
        desiredCount=0,
    )
    with pytest.raises(ClientError) as error:
        service.ecs.create_task_set(
            cluster=service.name, service="rolling", taskDefinition=service.definition("good:2")
        )
    assert refused(error)[0] == "InvalidParameterException"
    assert "external deployment controllers" in refused(error)[1]
