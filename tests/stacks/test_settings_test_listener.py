"""The test listener: on the app's own platform, on one that is there already, and its probes."""

from collections.abc import Callable
from typing import Any

import pytest

SOURCE = {"type": "github", "repository": "acme/shop"}
ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/my-alb/0123/"
EXISTING = {
    "vpc_id": "vpc-0a",
    "availability_zones": ["eu-west-1a", "eu-west-1b"],
    "private_subnet_ids": ["subnet-0a", "subnet-0b"],
    "cluster_name": "c",
    "listener_arn": f"{ARN}4567",
    "load_balancer_security_group_id": "sg-0a",
}
TESTED = {**EXISTING, "test_listener_arn": f"{ARN}89ab", "test_url": "https://test.example:8443"}

PLATFORM = {"nat_gateways": 2, "max_availability_zones": 3}
# The narrower one comes first.
PATTERNS = {"ecs": "/shop/u*", "code-deploy": "/shop/*"}
PROBE = {"path": "/shop/up?deep=1", "status": 204, "timeout_seconds": 90}
WAITS = {"ecs": {"pause_minutes": 5}, "code-deploy": {"approval_minutes": 5}}
ENGINES = tuple(WAITS)
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"

Templates = Callable[[dict[str, Any]], dict[str, Any]]


def settings(platform: dict[str, Any], **blue_green: Any) -> dict[str, Any]:
    """A service for each engine, by its name, and a rolling one."""
    probed = [
        {
            "name": engine,
            "source": SOURCE,
            "strategy": "blue-green",
            "blue_green": {"engine": engine, **blue_green},
            "path_pattern": PATTERNS[engine],
            "priority": number,
        }
        for number, engine in enumerate(ENGINES, start=41)
    ]
    rolling = {"name": "rolling", "source": SOURCE}
    return {"name": "acme", "platform": platform, "services": [*probed, rolling]}


def resources(template: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        logical_id: resource["Properties"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def only(template: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = resources(template, kind).values()
    properties: dict[str, Any] = found
    return properties


def followed(made: dict[str, Any], value: dict[str, Any]) -> Any:
    """What another stack's output stands for: one of the platform, to a service."""
    if "Fn::GetStackOutput" in value:
        reference = value["Fn::GetStackOutput"]
        return made[reference["StackName"]]["Outputs"][reference["OutputName"]]["Value"]
    (found,) = (
        output["Value"]
        for output in made["acme-platform"]["Outputs"].values()
        if output.get("Export", {}).get("Name") == value["Fn::ImportValue"]
    )
    return found


def rules(made: dict[str, Any], name: str) -> dict[str, Any]:
    """The rules of a service, by the logical id of their listener."""
    found = resources(made[f"acme-{name}-service"], RULE).values()
    return {followed(made, rule["ListenerArn"])["Ref"]: rule for rule in found}


@pytest.fixture(scope="module")
def plain(templates: Templates) -> dict[str, Any]:
    return templates(settings(PLATFORM))


@pytest.fixture(scope="module")
def tested(templates: Templates) -> dict[str, Any]:
    return templates(settings({**PLATFORM, "test_port": 8443}))


@pytest.fixture(scope="module")
def probed(templates: Templates) -> dict[str, Any]:
    given = settings({**PLATFORM, "test_port": 8443}, probe=PROBE, alarm_names=["errors", "slow"])
    for service, wait in zip(given["services"], WAITS.values(), strict=False):
        service["blue_green"] |= wait
    return templates(given)


@pytest.fixture(scope="module")
def existing(templates: Templates) -> dict[str, Any]:
    return templates(settings({"existing": TESTED}, probe=PROBE))


def the_test_listener(made: dict[str, Any]) -> str:
    listeners = resources(made["acme-platform"], "AWS::ElasticLoadBalancingV2::Listener")
    (found,) = [name for name, listener in listeners.items() if listener["Port"] == 8443]
    return found


def test_the_listener_answers_404_over_http_to_what_no_service_takes(
    tested: dict[str, Any],
) -> None:
    platform = tested["acme-platform"]
    listener = platform["Resources"][the_test_listener(tested)]["Properties"]
    (balancer,) = resources(platform, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert listener == {
        "LoadBalancerArn": {"Ref": balancer},
        "Port": 8443,
        "Protocol": "HTTP",
        "DefaultActions": [
            {
                "Type": "fixed-response",
                "FixedResponseConfig": {
                    "StatusCode": "404",
                    "ContentType": "text/plain",
                    "MessageBody": "No service has this address.\n",
                },
            }
        ],
    }


def test_only_the_nat_gateways_addresses_are_let_in(tested: dict[str, Any]) -> None:
    platform = tested["acme-platform"]
    gateways = resources(platform, "AWS::EC2::NatGateway").values()
    addresses = [gateway["AllocationId"]["Fn::GetAtt"][0] for gateway in gateways]
    assert len(addresses) == 2
    assert sorted(addresses) == sorted(resources(platform, "AWS::EC2::EIP"))
    ingress = only(platform, "AWS::EC2::SecurityGroup")["SecurityGroupIngress"]
    assert [rule for rule in ingress if rule["FromPort"] != 80] == [
        {
            "CidrIp": {"Fn::Join": ["", [{"Fn::GetAtt": [address, "PublicIp"]}, "/32"]]},
            "IpProtocol": "tcp",
            "FromPort": 8443,
            "ToPort": 8443,
            "Description": "Probes of new versions, through a NAT gateway",
        }
        for address in addresses
    ]
    assert resources(platform, "AWS::EC2::SecurityGroupIngress") == {}


def test_nothing_else_of_the_platform_changes(
    plain: dict[str, Any], tested: dict[str, Any]
) -> None:
    before, after = plain["acme-platform"]["Resources"], tested["acme-platform"]["Resources"]
    assert set(after) - set(before) == {the_test_listener(tested)}
    changed = {name for name, resource in before.items() if after[name] != resource}
    (group,) = resources(plain["acme-platform"], "AWS::EC2::SecurityGroup")
    assert changed == {group}
    old, new = before[group]["Properties"], after[group]["Properties"]
    assert {name for name in new if old.get(name) != new[name]} == {"SecurityGroupIngress"}
    assert old["SecurityGroupIngress"] == new["SecurityGroupIngress"][:1]


def test_the_listener_speaks_http_beside_a_certificate_too(templates: Templates) -> None:
    certificate = "arn:aws:acm:eu-west-1:111122223333:certificate/0f1e"
    platform = {"certificate_arn": certificate, "test_port": 9000}
    services = [{"name": "shop", "source": SOURCE, "strategy": "blue-green"}]
    made = templates({"name": "acme", "platform": platform, "services": services})
    listeners = resources(made["acme-platform"], "AWS::ElasticLoadBalancingV2::Listener")
    assert {listener["Port"]: listener["Protocol"] for listener in listeners.values()} == {
        80: "HTTP",
        443: "HTTPS",
        9000: "HTTP",
    }


@pytest.mark.parametrize(("engine", "priority"), [("ecs", 41), ("code-deploy", 42)])
def test_a_service_gets_its_rule_there_also_without_a_probe(
    tested: dict[str, Any], engine: str, priority: int
) -> None:
    found = rules(tested, engine)
    assert len(found) == 2
    test = found.pop(the_test_listener(tested))
    (production,) = found.values()
    assert test["Priority"] == production["Priority"] == priority
    assert test["Conditions"] == production["Conditions"]
    assert test["Actions"] != production["Actions"]
    assert resources(tested[f"acme-{engine}-service"], "AWS::Lambda::Function") == {}


def test_a_rolling_service_gets_none(tested: dict[str, Any]) -> None:
    assert the_test_listener(tested) not in rules(tested, "rolling")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("made", ["tested", "probed"])
def test_the_production_rule_is_left_as_the_engine_has_set_it(
    plain: dict[str, Any], made: str, engine: str, request: pytest.FixtureRequest
) -> None:
    templates = request.getfixturevalue(made)
    stack = f"acme-{engine}-service"
    (before,) = resources(plain[stack], RULE).items()
    assert before in resources(templates[stack], RULE).items()


def test_the_service_of_code_deploy_is_left_too_which_ecs_would_not_update(
    plain: dict[str, Any], probed: dict[str, Any]
) -> None:
    before, after = (
        resources(made["acme-code-deploy-service"], "AWS::ECS::Service") for made in (plain, probed)
    )
    assert before == after


@pytest.mark.parametrize("engine", ENGINES)
def test_the_probe_asks_from_the_private_subnets(probed: dict[str, Any], engine: str) -> None:
    stack = probed[f"acme-{engine}-service"]
    function = only(stack, "AWS::Lambda::Function")
    variables = function["Environment"]["Variables"]
    scheme, balancer, rest = variables.pop("PROBE_URL")["Fn::Join"][1]
    assert (scheme, rest) == ("http://", ":8443/shop/up?deep=1")
    assert followed(probed, balancer)["Fn::GetAtt"][1] == "DNSName"
    assert variables == {"PROBE_STATUS": "204", "PROBE_TIMEOUT": "90"}
    assert function["Timeout"] == 150
    platform = probed["acme-platform"]
    subnets = [followed(probed, subnet)["Ref"] for subnet in function["VpcConfig"]["SubnetIds"]]
    assert len(set(subnets)) == 3
    for subnet in subnets:
        assert platform["Resources"][subnet]["Properties"]["MapPublicIpOnLaunch"] is False
    (group,) = function["VpcConfig"]["SecurityGroupIds"]
    own = stack["Resources"][group["Fn::GetAtt"][0]]["Properties"]
    # It takes nothing and asks everything: the load balancer, and CodeDeploy.
    assert "SecurityGroupIngress" not in own
    assert [rule["CidrIp"] for rule in own["SecurityGroupEgress"]] == ["0.0.0.0/0"]


def test_ecs_asks_the_probe_and_watches_the_alarms(probed: dict[str, Any]) -> None:
    stack = probed["acme-ecs-service"]
    (function,) = resources(stack, "AWS::Lambda::Function")
    configuration = only(stack, "AWS::ECS::Service")["DeploymentConfiguration"]
    hook, pause = configuration["LifecycleHooks"]
    assert hook["HookTargetArn"] == {"Fn::GetAtt": [function, "Arn"]}
    # Somebody is asked after the probe, while the test listener leads to the new version.
    assert pause["TargetType"] == "PAUSE"
    assert hook["LifecycleStages"] == pause["LifecycleStages"] == ["POST_TEST_TRAFFIC_SHIFT"]
    assert configuration["Alarms"] == {
        "AlarmNames": ["errors", "slow"],
        "Enable": True,
        "Rollback": True,
    }


def test_code_deploy_asks_the_probe_and_watches_the_alarms(probed: dict[str, Any]) -> None:
    pipeline = probed["acme-code-deploy-pipeline"]
    group = only(pipeline, "AWS::CodeDeploy::DeploymentGroup")
    (pair,) = group["LoadBalancerInfo"]["TargetGroupPairInfoList"]
    (listener,) = pair["TestTrafficRoute"]["ListenerArns"]
    assert followed(probed, listener) == {"Ref": the_test_listener(probed)}
    assert group["AlarmConfiguration"] == {
        "Alarms": [{"Name": "errors"}, {"Name": "slow"}],
        "Enabled": True,
    }
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    service = probed["acme-code-deploy-service"]
    (function,) = resources(service, "AWS::Lambda::Function")
    before, asked, _ = only(service, "AWS::SSM::Parameter")["Value"]["Fn::Join"][1][-3:]
    assert before.endswith('"Hooks":[{"AfterAllowTestTraffic":"')
    assert asked == {"Ref": function}


def test_the_platform_knows_nothing_of_what_runs_on_it(
    synthesize: Callable[[dict[str, Any]], Any],
) -> None:
    platform = {**PLATFORM, "test_port": 8443}
    needs = {
        stack.stack_name: {
            dependency.id for dependency in stack.dependencies if "." not in dependency.id
        }
        for stack in synthesize(settings(platform, probe=PROBE)).stacks
    }
    assert needs["acme-platform"] == set()
    for engine in ENGINES:
        assert needs[f"acme-{engine}-service"] == {"acme-platform", f"acme-{engine}-registry"}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_test_listener_of_a_platform_that_is_there_is_used(
    existing: dict[str, Any], engine: str
) -> None:
    assert "acme-platform" not in existing
    stack = existing[f"acme-{engine}-service"]
    found = {rule["ListenerArn"]: rule for rule in resources(stack, RULE).values()}
    assert set(found) == {TESTED["listener_arn"], TESTED["test_listener_arn"]}
    assert len({rule["Priority"] for rule in found.values()}) == 1
    function = only(stack, "AWS::Lambda::Function")
    url = function["Environment"]["Variables"]["PROBE_URL"]
    assert url == "https://test.example:8443/shop/up?deep=1"
    assert function["VpcConfig"]["SubnetIds"] == ["subnet-0a", "subnet-0b"]
    # The load balancer reaches the tasks; its own group is left alone.
    ingress = only(stack, "AWS::EC2::SecurityGroupIngress")
    assert ingress["SourceSecurityGroupId"] == "sg-0a"
    assert resources(stack, "AWS::EC2::SecurityGroupEgress") == {}


def test_a_test_listener_that_is_there_needs_no_url_without_a_probe(templates: Templates) -> None:
    platform = {"existing": {**EXISTING, "test_listener_arn": f"{ARN}89ab"}}
    stack = templates(settings(platform))["acme-ecs-service"]
    assert len(resources(stack, RULE)) == 2
    assert resources(stack, "AWS::Lambda::Function") == {}
