"""What stacks have of each other: nothing is taken away under who uses it, or replaced unseen.

A weak reference (``Fn::GetStackOutput``) is read when its consumer is deployed, which the CDK CLI
does only with a changed template; an import is known to CloudFormation, which refuses to delete or
to change what is imported.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.stacks.test_edits import KEPT

Templates = Callable[[dict[str, Any]], dict[str, Any]]

PLATFORM = "delivery-platform"


def found(value: Any, function: str) -> Iterator[Any]:
    """Find the arguments of an intrinsic function, wherever it is."""
    if isinstance(value, dict):
        if function in value:
            yield value[function]
        for each in value.values():
            yield from found(each, function)
    elif isinstance(value, list):
        for each in value:
            yield from found(each, function)


def exports(templates: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return where each export is from, and what it is."""
    return {
        output["Export"]["Name"]: (stack, output["Value"])
        for stack, template in templates.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }


def test_services_import_what_they_run_on(templates: Templates, context: dict[str, Any]) -> None:
    made = templates(context["delivery"])
    exported = exports(made)
    services = [stack for stack in made if stack.endswith("-service")]
    assert services
    for stack in services:
        assert not list(found(made[stack], "Fn::GetStackOutput")), stack
        imported = set(found(made[stack], "Fn::ImportValue"))
        kinds = {
            made[PLATFORM]["Resources"][logical_id]["Type"]
            for name in imported
            for producer, value in [exported[name]]
            if producer == PLATFORM
            for logical_id in referred(value)
        }
        assert {
            "AWS::EC2::VPC",
            "AWS::EC2::Subnet",
            "AWS::EC2::SecurityGroup",
            "AWS::ECS::Cluster",
            "AWS::ElasticLoadBalancingV2::Listener",
        } <= kinds


def referred(value: Any) -> Iterator[str]:
    yield from found(value, "Ref")
    for attribute in found(value, "Fn::GetAtt"):
        yield attribute[0]


def test_what_is_referred_to_is_held_by_the_test_of_edits(
    templates: Templates, context: dict[str, Any]
) -> None:
    made = templates(context["delivery"])
    exported = exports(made)
    kinds = set()
    for template in made.values():
        references = [
            (given["StackName"], made[given["StackName"]]["Outputs"][given["OutputName"]]["Value"])
            for given in found(template, "Fn::GetStackOutput")
        ]
        references += [exported[name] for name in found(template, "Fn::ImportValue")]
        for producer, value in references:
            for logical_id in referred(value):
                kinds.add(made[producer]["Resources"][logical_id]["Type"])
    assert len(kinds) > 10
    assert kinds <= set(KEPT)


def test_the_platform_exports_the_same_whichever_services_there_are(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    """One that has left the settings and is still deployed imports what others may not."""
    delivery["platform"] = {
        "test_port": 8080,
        "certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/1",
    }
    rolling, blue_green = (
        {"name": name, "source": delivery["services"][0]["source"], "strategy": name}
        for name in ("rolling", "blue-green")
    )
    blue_green |= {
        "priority": 50,
        "path_pattern": "/blue/*",
        "blue_green": {"probe": {"path": "/blue/health"}},
    }
    exported = [
        {
            name
            for name, (stack, _) in exports(templates({**delivery, "services": services})).items()
            if stack == PLATFORM
        }
        for services in ([rolling], [rolling, blue_green])
    ]
    assert exported[0] == exported[1]


def test_a_registry_exports_the_same_for_a_service_that_has_left(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    service = {"name": "shop", "source": delivery["services"][0]["source"]}
    roles = [f"arn:aws:iam::111122223333:role/{name}" for name in ("task", "execution")]
    existing = {
        "cluster_name": "main",
        "service_name": "shop",
        "container_name": "app",
        "task_role_arns": roles,
    }
    exported = [
        {
            name
            for name, (stack, _) in exports(
                templates({**delivery, "services": [service | more]})
            ).items()
            if stack == "delivery-shop-registry"
        }
        for more in ({}, {"existing_service": existing})
    ]
    assert exported[0] == exported[1] != set()
