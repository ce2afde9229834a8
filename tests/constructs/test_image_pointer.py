from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from container_pipelines import ImagePointer


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


def test_writing_is_granted_on_this_parameter_alone(
    pointer: ImagePointer, statements: Callable[[cdk.Stack, str], list[dict[str, Any]]]
) -> None:
    stack = cdk.Stack.of(pointer)
    role = iam.Role(stack, "Writer", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    pointer.grant_write(role)
    (statement,) = statements(stack, "Writer")
    assert statement["Action"] == "ssm:PutParameter"
    assert statement["Resource"]["Fn::Join"][1][-1] == {"Ref": "PointerParameterEB2252C8"}
