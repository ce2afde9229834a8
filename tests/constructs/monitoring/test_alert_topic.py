from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms

from container_pipelines import AlertTopic, ChatApplication, NotifyOn

Resources = Callable[[str], dict[str, dict[str, Any]]]

PUBLISHERS = {
    "cloudwatch.amazonaws.com": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    # EventBridge says neither to topic nor to key on whose behalf it comes.
    "events.amazonaws.com": None,
}


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (properties,) = found.values()
    return properties


def make_topic(stack: cdk.Stack, **options: Any) -> Any:
    return AlertTopic(stack, "Mail", **options)


def make_chat(stack: cdk.Stack, **options: Any) -> Any:
    ids = {
        "configuration_name": "delivery",
        "slack_workspace_id": "T0123456789",
        "slack_channel_id": "C0123456789",
    }
    return ChatApplication(stack, "Chat", **{**ids, **options})


BOTH = pytest.mark.parametrize("make", [make_topic, make_chat])


@BOTH
def test_alarms_and_rules_may_publish_and_only_over_tls(
    stack: cdk.Stack, resources: Resources, make: Callable[..., Any]
) -> None:
    make(stack)
    statements = only(resources("AWS::SNS::TopicPolicy"))["PolicyDocument"]["Statement"]
    (denied,) = [s for s in statements if s["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Principal"] == "*"
    allowed = {s["Principal"]["Service"]: s for s in statements if s["Effect"] == "Allow"}
    assert {name: s.get("Condition") for name, s in allowed.items()} == PUBLISHERS
    assert {s["Action"] for s in allowed.values()} == {"sns:Publish"}


@BOTH
def test_the_key_lets_them_encrypt(
    stack: cdk.Stack, resources: Resources, make: Callable[..., Any]
) -> None:
    make(stack)
    key = only(resources("AWS::KMS::Key"))
    assert key["EnableKeyRotation"] is True
    services = [s for s in key["KeyPolicy"]["Statement"] if "Service" in s["Principal"]]
    assert {s["Principal"]["Service"]: s.get("Condition") for s in services} == PUBLISHERS
    assert {s["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"] for s in services} == {True}
    (key_id,) = resources("AWS::KMS::Key")
    topic = only(resources("AWS::SNS::Topic"))
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}


@BOTH
def test_a_key_of_ones_own_serves_both(
    stack: cdk.Stack, resources: Resources, make: Callable[..., Any]
) -> None:
    key = kms.Key(stack, "Own")
    assert make(stack, encryption_key=key).encryption_key is key
    assert len(resources("AWS::KMS::Key")) == 1


def test_addresses_are_subscribed(stack: cdk.Stack, resources: Resources) -> None:
    AlertTopic(stack, "Mail", emails=["a@example.com", "b@example.com"])
    made = resources("AWS::SNS::Subscription").values()
    assert [(s["Protocol"], s["Endpoint"]) for s in made] == [
        ("email", "a@example.com"),
        ("email", "b@example.com"),
    ]


def test_the_chat_application_may_do_nothing(stack: cdk.Stack, resources: Resources) -> None:
    make_chat(stack)
    role = only(resources("AWS::IAM::Role"))
    assert not role.keys() & {"Policies", "ManagedPolicyArns"}
    assert resources("AWS::IAM::Policy") == {}
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "chatbot.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    channel = only(resources("AWS::Chatbot::SlackChannelConfiguration"))
    (topic,) = resources("AWS::SNS::Topic")
    assert channel["SnsTopicArns"] == [{"Ref": topic}]
    assert "AdministratorAccess" not in str(channel["GuardrailPolicies"])
    assert len(channel["GuardrailPolicies"]) == 1


@BOTH
def test_clean_by_cdk_nag(
    stack: cdk.Stack, nag: Callable[[cdk.Stack], list[str]], make: Callable[..., Any]
) -> None:
    make(stack)
    assert nag(stack) == []


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (make_topic, {"emails": ["team"]}, r"'emails' must be .*address.*got 'team'"),
        (
            make_topic,
            {"emails": ["a@example.com", "a@example.com"]},
            r"'emails' must name each address once, got 'a@example.com' more than once",
        ),
        (
            make_topic,
            {"notify_on": []},
            r"'notify_on' must hold at least one value, got none",
        ),
        (make_chat, {"notify_on": ["bad"]}, r"'notify_on\[0\]' must be one of .*string 'bad'"),
        (make_chat, {"configuration_name": "a b"}, r"'configuration_name' must be .*got 'a b'"),
        (make_chat, {"slack_workspace_id": "acme.slack.com"}, r"'slack_workspace_id' must be"),
        (make_chat, {"slack_channel_id": "#alerts"}, r"'slack_channel_id' must be .*'#alerts'"),
    ],
)
def test_bad_input(
    stack: cdk.Stack, make: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(stack, **options)
    assert len(stack.node.children) == 0


def test_tokens_are_never_checked(stack: cdk.Stack) -> None:
    address = cdk.CfnParameter(stack, "Address").value_as_string
    channel = cdk.CfnParameter(stack, "ChannelId").value_as_string
    AlertTopic(stack, "Mail", emails=[address], notify_on=[NotifyOn.FAILED])
    make_chat(stack, slack_channel_id=channel, slack_workspace_id=channel)
