from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from container_pipelines import (
    Approval,
    Check,
)

Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]
Release = Callable[..., dict[str, Any]]
TOPIC = "arn:aws:sns:eu-west-1:111122223333:releases"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:check"


def minutes(number: int) -> cdk.Duration:
    return cdk.Duration.minutes(number)


def test_gates_run_in_their_order_before_the_deployment(
    stack: cdk.Stack, release: Release, function: lambda_.IFunction
) -> None:
    pipeline = release(
        gates=[
            Check(function=function, user_parameters={"image": "#{BuildVariables.IMAGE_URI}"}),
            Approval(
                topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC),
                link="https://example.com/#{SourceVariables.CommitId}",
                message="Is the migration through?",
                timeout=cdk.Duration.hours(4),
            ),
            Approval(name="Second.Approval"),
        ]
    )
    assert list(pipeline["Stages"]) == ["Source", "Build", "Gate", "Deploy"]
    check, approve, second = pipeline["Stages"]["Gate"]["Actions"]
    roles = [action.pop("RoleArn")["Fn::GetAtt"][0] for action in (check, approve, second)]
    assert len(set(roles)) == 3
    assert check == {
        "Name": "Check",
        "RunOrder": 1,
        "ActionTypeId": {
            "Category": "Invoke",
            "Owner": "AWS",
            "Provider": "Lambda",
            "Version": "1",
        },
        "Configuration": {
            "FunctionName": {"Ref": "ValidationBF173457"},
            "UserParameters": '{"image":"#{BuildVariables.IMAGE_URI}"}',
        },
    }
    manual = {"Category": "Approval", "Owner": "AWS", "Provider": "Manual", "Version": "1"}
    assert approve == {
        "Name": "Approve",
        "RunOrder": 2,
        "ActionTypeId": manual,
        "Configuration": {
            "NotificationArn": TOPIC,
            "ExternalEntityLink": "https://example.com/#{SourceVariables.CommitId}",
            "CustomData": "Is the migration through?",
        },
        "TimeoutInMinutes": 240,
    }
    assert second == {"Name": "Second.Approval", "RunOrder": 3, "ActionTypeId": manual}


def test_an_approval_may_publish_to_its_topic_alone(
    stack: cdk.Stack, release: Release, statements: Statements
) -> None:
    release(gates=[Approval(topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC))])
    assert statements(stack, "ReleaseGateApproveRole") == [
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC}
    ]


def test_an_approval_may_use_the_key_of_an_encrypted_topic(
    stack: cdk.Stack, release: Release, statements: Statements, nag: Callable[..., list[str]]
) -> None:
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    release(gates=[Approval(topic=sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True))])
    publish, *use_key = statements(stack, "ReleaseGateApproveRole")
    assert publish["Action"] == "sns:Publish"
    assert [s["Resource"] for s in use_key] == [{"Fn::GetAtt": ["Key961B73FD", "Arn"]}]
    assert nag(stack) == []


def test_an_approval_without_a_topic_may_do_nothing(
    stack: cdk.Stack, release: Release, statements: Statements
) -> None:
    release(gates=[Approval()])
    assert statements(stack, "ReleaseGateApproveRole") == []


def test_a_check_may_call_its_function_alone_and_the_function_may_answer(
    stack: cdk.Stack, release: Release, function: lambda_.IFunction, statements: Statements
) -> None:
    release(gates=[Check(function=function)])
    assert statements(stack, "ReleaseGateCheckRole") == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": {"Fn::GetAtt": ["ValidationBF173457", "Arn"]},
        }
    ]
    assert statements(stack, "ValidationServiceRole") == [
        {
            "Effect": "Allow",
            "Action": ["codepipeline:PutJobFailureResult", "codepipeline:PutJobSuccessResult"],
            "Resource": "*",
        }
    ]


def test_an_imported_function_is_called_by_its_name(
    stack: cdk.Stack, release: Release, statements: Statements
) -> None:
    imported = lambda_.Function.from_function_arn(stack, "Imported", FUNCTION)
    (action,) = release(gates=[Check(function=imported)])["Stages"]["Gate"]["Actions"]
    assert action["Configuration"] == {"FunctionName": "check"}
    (invoke,) = statements(stack, "ReleaseGateCheckRole")
    assert invoke["Resource"] == FUNCTION


def test_an_alias_is_called_as_such(
    stack: cdk.Stack, release: Release, function: lambda_.Function, statements: Statements
) -> None:
    alias = function.add_alias("live")
    (action,) = release(gates=[Check(function=alias)])["Stages"]["Gate"]["Actions"]
    assert action["Configuration"]["FunctionName"]["Fn::Join"][1][-1] == ":live"
    (invoke,) = statements(stack, "ReleaseGateCheckRole")
    assert invoke["Resource"] == stack.resolve(alias.function_arn)


def test_a_functions_right_to_answer_is_acknowledged_where_it_is_granted(
    stack: cdk.Stack,
    release: Release,
    function: lambda_.Function,
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    before = nag(stack)
    release(gates=[Check(function=function)])
    assert nag(stack) == before
    function.add_to_role_policy(
        cdk.aws_iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"])
    )
    assert "AwsSolutions-IAM5[Resource::*]" in nag(stack)


def test_the_pipeline_is_made_when_the_function_can_answer(
    stack: cdk.Stack,
    release: Release,
    function: lambda_.Function,
    template: Callable[[cdk.Stack], Template],
) -> None:
    release(gates=[Check(function=function)])
    (pipeline,) = template(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    assert [name for name in pipeline["DependsOn"] if name.startswith("ReleaseGateCheckAnswer")]
    assert [name for name in pipeline["DependsOn"] if name.startswith("ReleaseGateCheckRole")]


def test_user_parameters_must_fit(function: lambda_.IFunction) -> None:
    Check(function=function, user_parameters={"a": "x" * 992})
    with pytest.raises(ValueError, match=r"'check.user_parameters' must be .* 1000 .* got 1001"):
        Check(function=function, user_parameters={"a": "x" * 993})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Approval(name="a b"), "'approval.name' must be .* got 'a b'"),
        (lambda: Approval(name="x" * 101), "'approval.name' must be 1 to 100 characters"),
        (lambda: Approval(link="ftp://x"), "'approval.link' must be .* starts with 'https://'"),
        (lambda: Approval(message=" "), "'approval.message' must be 1 to 1000 characters"),
        (lambda: Approval(message="x" * 1001), "'approval.message' must be 1 to 1000 characters"),
        (
            lambda: Approval(timeout=minutes(4)),
            "'approval.timeout' must be from 5 minutes to 60 days in whole minutes, got 4 minutes",
        ),
        (lambda: Approval(timeout=cdk.Duration.days(61)), "'approval.timeout' must be from 5"),
        (lambda: Approval(timeout=cdk.Duration.seconds(330)), "in whole minutes, got 5 minutes 30"),
        (
            lambda: Approval(timeout=minutes(cdk.Token.as_number({"Ref": "X"}))),  # type: ignore[arg-type]
            "'approval.timeout' must be known at synthesis, got a token",
        ),
    ],
)
def test_bad_approvals_are_rejected(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
