"""Blue/green, linear and canary deployments: stages, weights, hooks, alarms, and the way back."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.driver import ACCOUNT, Emulator, eventually

ROLE = f"arn:aws:iam::{ACCOUNT}:role/anything"
GROUP = {"Port": 80, "Protocol": "HTTP", "TargetType": "ip", "VpcId": {"Ref": "Vpc"}}
ELB = "ElasticLoadBalancingV2::"
# It answers what the parameter of its name says, each word once, and remembers what it was sent.
HOOK = """
import json, boto3
def handle(event, context):
    ssm = boto3.client("ssm")
    name = event["hookDetails"]["parameter"]
    first, _, rest = ssm.get_parameter(Name=name)["Parameter"]["Value"].partition(" ")
    ssm.put_parameter(Name=name, Value=rest or first, Overwrite=True, Type="String")
    ssm.put_parameter(Name=name + "-event", Value=json.dumps(event), Overwrite=True, Type="String")
    if first == "raise":
        raise RuntimeError("no")
    return {"hookStatus": first, "callBackDelay": 1}
"""


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def rule(listener: str, blue: int) -> dict[str, Any]:
    groups = [
        {"TargetGroupArn": {"Ref": "Blue"}, "Weight": blue},
        {"TargetGroupArn": {"Ref": "Green"}, "Weight": 100 - blue},
    ]
    return resource(
        f"{ELB}ListenerRule",
        ListenerArn={"Ref": listener},
        Priority=5,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
    )


def listener(port: int) -> dict[str, Any]:
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    return resource(
        f"{ELB}Listener",
        LoadBalancerArn={"Ref": "Balancer"},
        Port=port,
        Protocol="HTTP",
        DefaultActions=[nothing],
    )


TEMPLATE = {
    "Resources": {
        "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
        "Subnet": resource("EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24"),
        "Balancer": resource(f"{ELB}LoadBalancer", Subnets=[{"Ref": "Subnet"}]),
        "Blue": resource(f"{ELB}TargetGroup", **GROUP),
        "Green": resource(f"{ELB}TargetGroup", **GROUP),
        "Listener": listener(80),
        "TestListener": listener(8080),
        "Rule": rule("Listener", 100),
        "TestRule": rule("TestListener", 0),
        "Cluster": resource("ECS::Cluster"),
        "Alarm": resource(
            "CloudWatch::Alarm",
            Namespace="Test",
            MetricName="Errors",
            ComparisonOperator="GreaterThanThreshold",
            Threshold=1,
            EvaluationPeriods=1,
            Period=60,
            Statistic="Sum",
        ),
        "Hook": resource(
            "Lambda::Function",
            Code={"ZipFile": HOOK},
            Handler="index.handle",
            Role=ROLE,
            Runtime="python3.13",
        ),
    },
    "Outputs": {
        **{
            name: {"Value": {"Ref": name}}
            for name in ("Blue", "Green", "Rule", "TestRule", "Cluster", "Alarm")
        },
        "Hook": {"Value": {"Fn::GetAtt": ["Hook", "Arn"]}},
    },
}


@pytest.fixture(scope="module")
def stack(emulator: Emulator) -> dict[str, str]:
    return emulator.outputs(emulator.deploy(TEMPLATE))


class Shop:
    """A service with two target groups, after its first deployment."""

    def __init__(self, emulator: Emulator, stack: dict[str, str], **configuration: Any) -> None:
        self.emulator, self.stack, self.ecs = emulator, stack, emulator.client("ecs")
        self.elbv2 = emulator.client("elbv2")
        self.name = emulator.new_name("shop")
        self._lead("Rule", 100)
        self._lead("TestRule", 0)
        self.configuration = {"bakeTimeInMinutes": 0, **configuration}
        self.ecs.create_service(
            cluster=stack["Cluster"],
            serviceName=self.name,
            taskDefinition=self.definition("good:1"),
            desiredCount=2,
            launchType="FARGATE",
            deploymentConfiguration=self.configuration,
            loadBalancers=[
                {
                    "targetGroupArn": stack["Blue"],
                    "containerName": "app",
                    "containerPort": 80,
                    "advancedConfiguration": {
                        "alternateTargetGroupArn": stack["Green"],
                        "productionListenerRule": stack["Rule"],
                        "testListenerRule": stack["TestRule"],
                        "roleArn": ROLE,
                    },
                }
            ],
        )

    def _lead(self, rule: str, blue: int) -> None:
        groups = [
            {"TargetGroupArn": self.stack["Blue"], "Weight": blue},
            {"TargetGroupArn": self.stack["Green"], "Weight": 100 - blue},
        ]
        actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
        self.elbv2.modify_rule(RuleArn=self.stack[rule], Actions=actions)

    def definition(self, image: str) -> str:
        registered = self.ecs.register_task_definition(
            family=self.name,
            networkMode="awsvpc",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": image,
                    "memory": 64,
                    "portMappings": [{"containerPort": 80}],
                }
            ],
        )
        return str(registered["taskDefinition"]["taskDefinitionArn"])

    def release(self, image: str = "good:2", **change: Any) -> None:
        self.ecs.update_service(
            cluster=self.stack["Cluster"],
            service=self.name,
            taskDefinition=self.definition(image),
            **change,
        )

    def green(self, rule: str = "Rule") -> float:
        """Return how much of a rule's traffic goes to the green group, in percent."""
        (found,) = self.elbv2.describe_rules(RuleArns=[self.stack[rule]])["Rules"]
        groups = found["Actions"][0]["ForwardConfig"]["TargetGroups"]
        weights = {group["TargetGroupArn"]: group["Weight"] for group in groups}
        return float(100 * weights[self.stack["Green"]] / sum(weights.values()))

    def shown(self) -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=self.stack["Cluster"], services=[self.name])[
            "services"
        ]
        return dict(found)

    def newest(self) -> dict[str, Any]:
        listed = self.ecs.list_service_deployments(
            cluster=self.stack["Cluster"], service=self.name
        )["serviceDeployments"]
        (found,) = self.ecs.describe_service_deployments(
            serviceDeploymentArns=[listed[0]["serviceDeploymentArn"]]
        )["serviceDeployments"]
        return dict(found)

    def at(self, stage: str) -> dict[str, Any]:
        """Wait until the newest deployment is at a stage."""
        return eventually(
            lambda: found if (found := self.newest()).get("lifecycleStage") == stage else None
        )

    def ended(self) -> dict[str, Any]:
        """Wait until the newest deployment has ended, and the service is steady."""

        def look() -> dict[str, Any] | None:
            newest = self.newest()
            over = not newest["status"].endswith("IN_PROGRESS")
            return newest if over and len(self.shown()["deployments"]) in (1, 2) else None

        return eventually(look)

    def weights(self, image: str = "good:2", **change: Any) -> list[float]:
        """Release and watch that to its end; return the weights of the green group in turn."""
        seen = [self.green()]
        self.release(image, **change)
        while self.newest()["status"].endswith("IN_PROGRESS"):
            seen.append(self.green())
        return [weight for weight, _ in itertools.groupby([*seen, self.green()])]

    def targets(self, group: str) -> int:
        health = self.elbv2.describe_target_health(TargetGroupArn=self.stack[group])
        return len(health["TargetHealthDescriptions"])

    def images(self) -> set[str]:
        """Return the images of the tasks that run."""
        arns = self.ecs.list_tasks(
            cluster=self.stack["Cluster"], serviceName=self.name, desiredStatus="RUNNING"
        )["taskArns"]
        found = self.ecs.describe_tasks(cluster=self.stack["Cluster"], tasks=arns)["tasks"]
        return {task["containers"][0]["image"] for task in found}


@pytest.fixture
def new_shop(emulator: Emulator, stack: dict[str, str]) -> Iterator[Callable[..., Shop]]:
    shops: list[Shop] = []

    def make(**configuration: Any) -> Shop:
        shops.append(Shop(emulator, stack, **configuration))
        assert shops[-1].ended()["status"] == "SUCCESSFUL"
        return shops[-1]

    emulator.client("cloudwatch").set_alarm_state(
        AlarmName=stack["Alarm"], StateValue="OK", StateReason="start"
    )
    yield make
    for shop in shops:
        shop.ecs.delete_service(cluster=stack["Cluster"], service=shop.name, force=True)


def linear(percent: float = 25, minutes: int = 0) -> dict[str, Any]:
    steps = {"stepPercent": percent, "stepBakeTimeInMinutes": minutes}
    return {"strategy": "LINEAR", "linearConfiguration": steps}


def canary(percent: float, minutes: int) -> dict[str, Any]:
    part = {"canaryPercent": percent, "canaryBakeTimeInMinutes": minutes}
    return {"strategy": "CANARY", "canaryConfiguration": part}


def hooked(shop_or_stack: dict[str, str], parameter: str, *stages: str) -> dict[str, Any]:
    return {
        "lifecycleHooks": [
            {
                "hookTargetArn": shop_or_stack["Hook"],
                "roleArn": ROLE,
                "lifecycleStages": list(stages),
                "hookDetails": {"parameter": parameter},
            }
        ]
    }


def pause(minutes: int, action: str) -> dict[str, Any]:
    return {
        "targetType": "PAUSE",
        "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
        "timeoutConfiguration": {"timeoutInMinutes": minutes, "action": action},
    }


def test_the_first_deployment_is_on_blue(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(strategy="BLUE_GREEN")
    assert shop.green() == 0
    assert (shop.targets("Blue"), shop.targets("Green")) == (2, 0)


def test_releases_go_to_the_other_group_in_turn(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(strategy="BLUE_GREEN")
    shop.release("good:2")
    assert shop.ended()["status"] == "SUCCESSFUL"
    assert (shop.green(), shop.green("TestRule")) == (100, 100)
    assert (shop.targets("Blue"), shop.targets("Green")) == (0, 2)
    assert shop.images() == {"good:2"}
    shop.release("good:3")
    assert shop.ended()["status"] == "SUCCESSFUL"
    assert (shop.green(), shop.green("TestRule")) == (0, 0)
    assert (shop.targets("Blue"), shop.targets("Green")) == (2, 0)
    (deployment,) = shop.shown()["deployments"]
    assert deployment["rolloutState"] == "COMPLETED"


def test_linear_steps_are_seen_on_the_rule(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(**linear(25, 1))
    assert shop.weights() == [0, 25, 50, 75, 100]
    assert shop.newest()["targetServiceRevision"]["requestedProductionTrafficWeight"] == 100


def test_a_canary_gets_its_part_first(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(**canary(2.5, 1))
    assert shop.weights() == [0, 2.5, 100]


def test_old_tasks_stay_while_it_bakes(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(strategy="BLUE_GREEN", bakeTimeInMinutes=10)
    shop.release()
    shop.at("BAKE_TIME")
    assert shop.green() == 100
    assert (shop.targets("Blue"), shop.targets("Green")) == (2, 2)
    states = {each["status"]: each["rolloutState"] for each in shop.shown()["deployments"]}
    assert states == {"PRIMARY": "IN_PROGRESS", "ACTIVE": "COMPLETED"}


def test_a_function_decides(new_shop: Callable[..., Shop], emulator: Emulator) -> None:
    shop = new_shop(strategy="BLUE_GREEN")
    ssm, parameter = emulator.client("ssm"), f"/{shop.name}"
    ssm.put_parameter(Name=parameter, Value="IN_PROGRESS SUCCEEDED", Type="String")
    hook = hooked(shop.stack, parameter, "POST_TEST_TRAFFIC_SHIFT")
    shop.release(deploymentConfiguration={**shop.configuration, **hook})
    ended = shop.ended()
    assert ended["status"] == "SUCCESSFUL"
    (detail,) = ended["lifecycleHookDetails"]
    assert (detail["targetType"], detail["status"]) == ("AWS_LAMBDA", "SUCCEEDED")
    sent = json.loads(ssm.get_parameter(Name=f"{parameter}-event")["Parameter"]["Value"])
    assert sent["lifecycleStage"] == "POST_TEST_TRAFFIC_SHIFT"
    assert sent["resourceArn"] == ended["serviceDeploymentArn"]
    assert sent["executionDetails"]["serviceArn"] == ended["serviceArn"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("FAILED", "answered FAILED"), ("raise", "has failed"), ("MAYBE", "no valid hookStatus")],
)
def test_a_hook_that_fails_sends_the_deployment_back(
    new_shop: Callable[..., Shop], emulator: Emulator, answer: str, reason: str
) -> None:
    shop = new_shop(**linear())
    parameter = f"/{shop.name}"
    emulator.client("ssm").put_parameter(Name=parameter, Value=answer, Type="String")
    hook = hooked(shop.stack, parameter, "POST_TEST_TRAFFIC_SHIFT")
    assert shop.weights(deploymentConfiguration={**shop.configuration, **hook}) == [0]
    ended = shop.ended()
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert reason in ended["rollback"]["reason"]
    assert ended["lifecycleHookDetails"][0]["status"] == "FAILED"
    assert shop.images() == {"good:1"}
    assert (shop.targets("Blue"), shop.targets("Green")) == (2, 0)
    assert shop.green("TestRule") == 0
    failed = [d for d in shop.shown()["deployments"] if d["rolloutState"] == "FAILED"]
    assert reason in failed[0]["rolloutStateReason"]


def test_an_alarm_sends_it_back_in_the_middle_of_a_shift(
    new_shop: Callable[..., Shop], emulator: Emulator, stack: dict[str, str]
) -> None:
    alarms = {"alarmNames": [stack["Alarm"]], "enable": True, "rollback": True}
    shop = new_shop(**linear(10, 20), alarms=alarms)
    shop.release()
    eventually(lambda: shop.green() >= 10)
    emulator.client("cloudwatch").set_alarm_state(
        AlarmName=stack["Alarm"], StateValue="ALARM", StateReason="test"
    )
    ended = shop.ended()
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["alarms"]["status"] == "TRIGGERED"
    assert ended["alarms"]["triggeredAlarmNames"] == [stack["Alarm"]]
    assert shop.green() == 0
    assert shop.images() == {"good:1"}


def test_an_alarm_that_was_there_before_is_not_looked_at(
    new_shop: Callable[..., Shop], emulator: Emulator, stack: dict[str, str]
) -> None:
    alarms = {"alarmNames": [stack["Alarm"]], "enable": True, "rollback": True}
    shop = new_shop(strategy="BLUE_GREEN", alarms=alarms)
    emulator.client("cloudwatch").set_alarm_state(
        AlarmName=stack["Alarm"], StateValue="ALARM", StateReason="test"
    )
    shop.release()
    assert shop.ended()["status"] == "SUCCESSFUL"


def test_the_circuit_breaker_sends_it_back_before_any_traffic(
    new_shop: Callable[..., Shop], emulator: Emulator
) -> None:
    emulator.local("POST", "broken-image", image="bad:1")
    shop = new_shop(**linear(), deploymentCircuitBreaker={"enable": True, "rollback": True})
    assert shop.weights("bad:1") == [0]
    ended = shop.ended()
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert shop.images() == {"good:1"}


@pytest.mark.parametrize(("action", "status"), [("CONTINUE", "SUCCESSFUL"), ("ROLLBACK", "back")])
def test_a_pause_waits_for_somebody(
    new_shop: Callable[..., Shop], action: str, status: str
) -> None:
    shop = new_shop(strategy="BLUE_GREEN")
    hooks = {"lifecycleHooks": [pause(600, "ROLLBACK")]}
    shop.release(deploymentConfiguration={**shop.configuration, **hooks})

    def waiting() -> dict[str, Any] | None:
        details = shop.newest().get("lifecycleHookDetails", [])
        return next((d for d in details if d["status"] == "AWAITING_ACTION"), None)

    detail = eventually(waiting)
    assert (shop.green(), shop.green("TestRule")) == (0, 100)
    arn = shop.newest()["serviceDeploymentArn"]
    with pytest.raises(ClientError, match="does not wait at the hook"):
        shop.ecs.continue_service_deployment(
            serviceDeploymentArn=arn, hookId="other", action=action
        )
    shop.ecs.continue_service_deployment(
        serviceDeploymentArn=arn, hookId=detail["hookId"], action=action
    )
    ended = shop.ended()
    assert ended["status"] == ("ROLLBACK_SUCCESSFUL" if status == "back" else status)
    assert shop.green() == (0 if status == "back" else 100)


@pytest.mark.parametrize("action", ["CONTINUE", "ROLLBACK"])
def test_a_pause_ends_with_its_time(new_shop: Callable[..., Shop], action: str) -> None:
    shop = new_shop(strategy="BLUE_GREEN")
    hooks = {"lifecycleHooks": [pause(1, action)]}
    shop.release(deploymentConfiguration={**shop.configuration, **hooks})
    ended = shop.ended()
    expected = {
        "CONTINUE": ("SUCCESSFUL", "SUCCEEDED"),
        "ROLLBACK": ("ROLLBACK_SUCCESSFUL", "TIMED_OUT"),
    }
    assert (ended["status"], ended["lifecycleHookDetails"][0]["status"]) == expected[action]


def test_a_deployment_can_be_stopped(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(**canary(10, 600))
    shop.release()
    eventually(lambda: shop.green() == 10)
    arn = shop.newest()["serviceDeploymentArn"]
    shop.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    assert shop.ended()["status"] == "ROLLBACK_SUCCESSFUL"
    assert shop.green() == 0
    with pytest.raises(ClientError, match="cannot be stopped"):
        shop.ecs.stop_service_deployment(serviceDeploymentArn=arn)


def test_a_newer_deployment_takes_the_place_of_one_that_shifts(
    new_shop: Callable[..., Shop],
) -> None:
    shop = new_shop(**canary(10, 600))
    shop.release("good:2")
    eventually(lambda: shop.green() == 10)
    first = shop.newest()["serviceDeploymentArn"]
    shop.release("good:3", deploymentConfiguration={"strategy": "BLUE_GREEN"})
    assert shop.ended()["status"] == "SUCCESSFUL"
    assert shop.images() == {"good:3"}
    assert shop.green() == 100
    (found,) = shop.ecs.describe_service_deployments(serviceDeploymentArns=[first])[
        "serviceDeployments"
    ]
    assert found["status"] == "STOPPED"


def test_what_was_replaced_leaves_its_group_to_its_successor(
    new_shop: Callable[..., Shop],
) -> None:
    shop = new_shop(**canary(10, 600))
    shop.release("good:2")
    eventually(lambda: shop.green() == 10)
    shop.release("good:3")
    eventually(lambda: "good:3" in shop.images() and shop.green() == 10)
    assert shop.images() == {"good:1", "good:3"}
    assert (shop.targets("Blue"), shop.targets("Green")) == (2, 2)


def test_a_release_during_a_way_back_shifts_from_what_is_live(
    new_shop: Callable[..., Shop],
) -> None:
    shop = new_shop(**canary(10, 600))
    shop.release("good:2")
    eventually(lambda: shop.green() == 10)
    first = shop.newest()["serviceDeploymentArn"]
    shop.ecs.stop_service_deployment(serviceDeploymentArn=first)
    eventually(lambda: shop.newest()["status"] != "IN_PROGRESS")
    shop.release("good:3")
    eventually(lambda: "good:3" in shop.images() and shop.green() == 10)
    assert shop.images() == {"good:1", "good:3"}
    assert (shop.targets("Blue"), shop.targets("Green")) == (2, 2)


def test_a_rolling_service_can_move_to_blue_green(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(strategy="ROLLING")
    weights = shop.weights(deploymentConfiguration={**shop.configuration, **linear()})
    assert weights[-1] == 100
    assert shop.ended()["status"] == "SUCCESSFUL"
    assert (shop.targets("Blue"), shop.targets("Green")) == (0, 2)
