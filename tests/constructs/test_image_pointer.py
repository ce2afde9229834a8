from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from container_pipelines import SEED_IMAGE, ImagePointer


@pytest.fixture
def pointer(app: cdk.App) -> ImagePointer:
    return ImagePointer(cdk.Stack(app, "Images"), "Pointer", parameter_name="/my-app/image")


def test_a_task_definition_reads_the_parameter_at_each_deployment(
    stack: cdk.Stack, pointer: ImagePointer, template: Callable[[cdk.Stack], Template]
) -> None:
    definition = ecs.FargateTaskDefinition(stack, "Task")
    definition.add_container("app", image=pointer.container_image(definition))
    rendered = template(stack)
    ((name, parameter),) = rendered.find_parameters("*", {"Default": "/my-app/image"}).items()
    assert parameter["Type"] == "AWS::SSM::Parameter::Value<String>"
    (task,) = rendered.find_resources("AWS::ECS::TaskDefinition").values()
    assert task["Properties"]["ContainerDefinitions"][0]["Image"] == {"Ref": name}


def test_the_readers_stack_is_deployed_after_the_pointers(
    stack: cdk.Stack, pointer: ImagePointer
) -> None:
    pointer.container_image(stack)
    assert [dependency.stack_name for dependency in stack.dependencies] == ["Images"]


def test_a_reader_in_the_same_stack_is_rejected(pointer: ImagePointer) -> None:
    with pytest.raises(ValueError, match=r"'image_pointer' must be in another stack .* 'Images'"):
        pointer.container_image(cdk.Stack.of(pointer))


@pytest.mark.parametrize(
    ("grant", "action"),
    [("grant_write", "ssm:PutParameter"), ("grant_read", "ssm:GetParameter")],
)
def test_both_parameters_are_granted_and_no_other(
    pointer: ImagePointer,
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
    grant: str,
    action: str,
) -> None:
    stack = cdk.Stack.of(pointer)
    role = iam.Role(stack, "Writer", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    getattr(pointer, grant)(role)
    (statement,) = statements(stack, "Writer")
    assert statement["Action"] == action
    assert [arn["Fn::Join"][1][-1] for arn in statement["Resource"]] == [
        {"Ref": "PointerParameterEB2252C8"},
        {"Ref": "PointerPreviousF64E55E9"},
    ]


def test_the_image_before_is_kept_beside_it(
    pointer: ImagePointer, template: Callable[[cdk.Stack], Template]
) -> None:
    parameters = template(cdk.Stack.of(pointer)).find_resources("AWS::SSM::Parameter")
    assert {
        parameter["Properties"]["Name"]: parameter["Properties"]["Value"]
        for parameter in parameters.values()
    } == {"/my-app/image": SEED_IMAGE, "/my-app/image-previous": SEED_IMAGE}
    assert {parameter["DeletionPolicy"] for parameter in parameters.values()} == {
        "RetainExceptOnCreate"
    }
    assert {parameter["UpdateReplacePolicy"] for parameter in parameters.values()} == {"Retain"}


@pytest.mark.parametrize("name", ["/a" * 15, "/" + "a" * 1001])
def test_the_largest_names_leave_room_for_the_one_before(app: cdk.App, name: str) -> None:
    pointer = ImagePointer(cdk.Stack(app, "Images"), "Pointer", parameter_name=name)
    assert pointer.previous_parameter_name == f"{name}-previous"


@pytest.mark.parametrize("name", ["/a" * 16, "/" + "a" * 1002, "a", "/aws/a", "/a b"])
def test_a_bad_name_is_rejected(app: cdk.App, name: str) -> None:
    with pytest.raises(ValueError, match="'parameter_name' must be 1 to 1002 characters"):
        ImagePointer(cdk.Stack(app, "Images"), "Pointer", parameter_name=name)
