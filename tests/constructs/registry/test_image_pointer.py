import json
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


def test_what_makes_the_parameters_can_overwrite_none(
    pointer: ImagePointer, statements: Callable[[cdk.Stack, str], list[dict[str, Any]]]
) -> None:
    made = statements(cdk.Stack.of(pointer), "ImagePointerMaker")
    puts = [statement for statement in made if statement["Action"] == "ssm:PutParameter"]
    assert puts
    for statement in puts:
        assert statement["Condition"] == {"StringNotEquals": {"ssm:Overwrite": "true"}}


def test_a_reader_in_a_nested_stack_of_the_same_one_is_rejected(pointer: ImagePointer) -> None:
    nested = cdk.NestedStack(cdk.Stack.of(pointer), "Nested")
    with pytest.raises(ValueError, match=r"'image_pointer' must be in another stack .* 'Images'"):
        pointer.container_image(nested)


@pytest.mark.parametrize(
    ("account", "region", "message"),
    [
        ("444455556666", "eu-west-1", "in the account of the service .* 444455556666, got 1111"),
        ("111122223333", "us-east-1", "in the region of the service .* us-east-1, got eu-west-1"),
    ],
)
def test_a_reader_elsewhere_is_rejected(
    app: cdk.App, account: str, region: str, message: str
) -> None:
    here = cdk.Environment(account="111122223333", region="eu-west-1")
    pointer = ImagePointer(cdk.Stack(app, "Here", env=here), "Pointer", parameter_name="/a/image")
    there = cdk.Stack(app, "There", env=cdk.Environment(account=account, region=region))
    with pytest.raises(ValueError, match=message):
        pointer.container_image(there)


def test_two_pointers_of_one_name_are_rejected(app: cdk.App, pointer: ImagePointer) -> None:
    with pytest.raises(ValueError, match=r"'/my-app/image' .* got that of 'Images/Pointer'"):
        ImagePointer(cdk.Stack(app, "Other"), "Pointer", parameter_name="/my-app/image")


@pytest.mark.parametrize("suffix", ["-previous", "-drift"])
def test_what_stands_beside_a_pointer_is_no_other_pointer(
    app: cdk.App, pointer: ImagePointer, suffix: str
) -> None:
    beside = f"{pointer.parameter_name}{suffix}"
    with pytest.raises(ValueError, match=f"'{beside}' .* got that of 'Images/Pointer'"):
        ImagePointer(cdk.Stack(app, "Other"), "Pointer", parameter_name=beside)


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
        ":parameter/my-app/image",
        ":parameter/my-app/image-previous",
    ]


def test_the_image_before_is_kept_beside_it(
    pointer: ImagePointer, template: Callable[[cdk.Stack], Template]
) -> None:
    parameters = template(cdk.Stack.of(pointer)).find_resources("Custom::ImagePointer").values()
    calls = [json.loads(parameter["Properties"]["Create"]) for parameter in parameters]
    assert {call["parameters"]["Name"]: call["parameters"]["Value"] for call in calls} == {
        "/my-app/image": SEED_IMAGE,
        "/my-app/image-previous": SEED_IMAGE,
    }


def test_what_is_recorded_is_never_overwritten_by_the_template(
    pointer: ImagePointer, template: Callable[[cdk.Stack], Template]
) -> None:
    rendered = template(cdk.Stack.of(pointer))
    # CloudFormation writes the value of one of its own with any change, even of a tag.
    rendered.resource_count_is("AWS::SSM::Parameter", 0)
    parameters = rendered.find_resources("Custom::ImagePointer").values()
    for parameter in parameters:
        call = json.loads(parameter["Properties"]["Create"])
        assert (call["service"], call["action"]) == ("SSM", "putParameter")
        assert "Overwrite" not in call["parameters"]
        assert call["ignoreErrorCodesMatching"] == "ParameterAlreadyExists"
        # Under another name a parameter is missing: the same call makes it.
        assert parameter["Properties"]["Update"] == parameter["Properties"]["Create"]
        assert call["physicalResourceId"] == {"id": call["parameters"]["Name"]}
        assert "Delete" not in parameter["Properties"]
        assert parameter["DeletionPolicy"] == "RetainExceptOnCreate"
        assert parameter["UpdateReplacePolicy"] == "Retain"
    assert len(parameters) == 2


def test_what_makes_it_may_do_nothing_else(
    pointer: ImagePointer, template: Callable[[cdk.Stack], Template]
) -> None:
    stack = cdk.Stack.of(pointer)
    ImagePointer(stack, "Another", parameter_name="/another/image")
    rendered = template(stack)
    rendered.resource_count_is("AWS::Lambda::Function", 1)
    ((role, _),) = rendered.find_resources("AWS::IAM::Role").items()
    policies = rendered.find_resources("AWS::IAM::Policy").values()
    assert {policy["Properties"]["Roles"] == [{"Ref": role}] for policy in policies} == {True}
    allowed = [
        (statement["Action"], statement["Resource"])
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert sorted(
        resource["Fn::Join"][1][-1] for action, resource in allowed if action == "ssm:PutParameter"
    ) == [
        ":parameter/another/image",
        ":parameter/another/image-previous",
        ":parameter/my-app/image",
        ":parameter/my-app/image-previous",
    ]
    (written,) = [found for found in allowed if found[0] != "ssm:PutParameter"]
    assert written[0] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert "Fn::GetAtt" in written[1]


@pytest.mark.parametrize("name", ["/a" * 15, "/" + "a" * 1001])
def test_the_largest_names_leave_room_for_the_one_before(app: cdk.App, name: str) -> None:
    pointer = ImagePointer(cdk.Stack(app, "Images"), "Pointer", parameter_name=name)
    assert pointer.previous_parameter_name == f"{name}-previous"


@pytest.mark.parametrize("name", ["/a" * 16, "/" + "a" * 1002, "a", "/aws/a", "/a b"])
def test_a_bad_name_is_rejected(app: cdk.App, name: str) -> None:
    with pytest.raises(ValueError, match="'parameter_name' must be 1 to 1002 characters"):
        ImagePointer(cdk.Stack(app, "Images"), "Pointer", parameter_name=name)
