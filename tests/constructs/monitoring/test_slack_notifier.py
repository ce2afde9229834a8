from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from container_pipelines import (
    AlertTopic,
    NotifierAlarm,
    NotifyOn,
    PipelineAlarms,
    SlackBot,
    SlackNotifier,
    SlackWebhook,
    Threshold,
)
from slack_notifier.notice import Outcome
from slack_notifier.settings import Settings

Resources = Callable[[str], dict[str, dict[str, Any]]]
Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]

HOOK = SlackWebhook.from_parameter_store("/slack/hook")
BOT = SlackBot.from_parameter_store("slack-bot", channel="C0123456789")


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (properties,) = found.values()
    return properties


def ref(found: dict[str, dict[str, Any]]) -> str:
    (logical_id,) = found
    return logical_id


def environment(resources: Resources) -> dict[str, str]:
    function = only(resources("AWS::Lambda::Function"))
    variables: dict[str, str] = function["Environment"]["Variables"]
    return variables


@pytest.mark.parametrize(
    ("slack", "expected"),
    [
        (HOOK, {"SLACK_SECRET": "/slack/hook"}),
        (BOT, {"SLACK_SECRET": "slack-bot", "SLACK_CHANNEL": "C0123456789"}),
    ],
)
def test_the_function_understands_its_environment(
    stack: cdk.Stack, resources: Resources, slack: Any, expected: dict[str, str]
) -> None:
    SlackNotifier(stack, "Slack", slack=slack, docs_url="https://docs.example.com/errors")
    variables = environment(resources)
    assert variables.items() >= expected.items()
    table = resources("AWS::DynamoDB::Table")
    assert variables.pop("STATE_TABLE", None) == ({"Ref": ref(table)} if table else None)
    settings = Settings.of(variables)
    assert settings.secret == expected["SLACK_SECRET"]
    assert settings.channel == expected.get("SLACK_CHANNEL", "")
    assert settings.notify_on == {"failed", "recovered", "approval"}
    assert settings.docs_url == "https://docs.example.com/errors"


def test_notify_on_has_the_values_that_the_function_knows() -> None:
    assert set(NotifyOn) == set(Outcome) - {Outcome.UNKNOWN}


def test_notify_on(stack: cdk.Stack, resources: Resources) -> None:
    SlackNotifier(stack, "Slack", slack=HOOK, notify_on=[NotifyOn.SUCCEEDED, NotifyOn.FAILED])
    assert environment(resources)["NOTIFY_ON"] == "failed,succeeded"


def test_the_function(stack: cdk.Stack, resources: Resources, notifier: SlackNotifier) -> None:
    function = only(resources("AWS::Lambda::Function"))
    assert function["Handler"] == "slack_notifier.handler.handle"
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": ref(resources("AWS::Logs::LogGroup"))}


def test_what_cannot_be_sent_waits_in_a_queue(
    notifier: SlackNotifier, watch: Callable[..., PipelineAlarms], resources: Resources
) -> None:
    watch(notifications=[notifier])
    queue = {"Fn::GetAtt": [ref(resources("AWS::SQS::Queue")), "Arn"]}
    made = only(resources("AWS::SQS::Queue"))
    assert made["MessageRetentionPeriod"] == 14 * 86400
    assert made["SqsManagedSseEnabled"] is True
    # Six times the function's time-out, as Lambda asks for.
    function = only(resources("AWS::Lambda::Function"))
    assert made["VisibilityTimeout"] == 6 * function["Timeout"]
    invoke = only(resources("AWS::Lambda::EventInvokeConfig"))
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == queue
    assert invoke["MaximumRetryAttempts"] == 2
    rules = resources("AWS::Events::Rule").values()
    assert len(rules) > 1
    for rule in rules:
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": queue}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 20
    policy = only(resources("AWS::SQS::QueuePolicy"))["PolicyDocument"]["Statement"]
    assert [(s["Effect"], s["Action"], s["Condition"]) for s in policy] == [
        ("Deny", "sqs:*", {"Bool": {"aws:SecureTransport": "false"}}),
        (
            "Allow",
            "sqs:SendMessage",
            {"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-1:111122223333:rule/*"}},
        ),
    ]


def test_the_queue_is_replayed_when_somebody_says_so(
    notifier: SlackNotifier, resources: Resources
) -> None:
    replay = only(resources("AWS::Lambda::EventSourceMapping"))
    assert replay["Enabled"] is False
    assert replay["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert replay["EventSourceArn"] == {"Fn::GetAtt": [ref(resources("AWS::SQS::Queue")), "Arn"]}


def test_one_permission_for_all_rules(
    notifier: SlackNotifier, watch: Callable[..., PipelineAlarms], resources: Resources
) -> None:
    watch(notifications=[notifier])
    permission = only(resources("AWS::Lambda::Permission"))
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == "arn:aws:events:eu-west-1:111122223333:rule/*"


def own_statements(resources: Resources) -> list[dict[str, Any]]:
    queue = {"Fn::GetAtt": [ref(resources("AWS::SQS::Queue")), "Arn"]}
    logs = {"Fn::GetAtt": [ref(resources("AWS::Logs::LogGroup")), "Arn"]}
    return [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": logs,
        },
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameter",
            "Resource": "arn:aws:ssm:eu-west-1:111122223333:parameter/slack/hook",
        },
        {
            "Effect": "Allow",
            "Action": [
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ],
            "Resource": queue,
        },
    ]


def test_the_role_of_a_notifier_that_monitors_nothing_yet(
    stack: cdk.Stack, notifier: SlackNotifier, statements: Statements, resources: Resources
) -> None:
    assert statements(stack, "SlackRole") == own_statements(resources)


def test_the_role_may_look_up_what_is_monitored_and_nothing_else(
    stack: cdk.Stack,
    notifier: SlackNotifier,
    watch: Callable[..., PipelineAlarms],
    statements: Statements,
    resources: Resources,
) -> None:
    watch(notifications=[notifier])
    made = statements(stack, "SlackRole")
    own = own_statements(resources)
    assert made[: len(own)] == own

    def arn(service: str, resource: str) -> str:
        return f"arn:aws:{service}:eu-west-1:111122223333:{resource}"

    found = {
        (action, str(s["Resource"]).replace("{'Ref': 'AWS::Partition'}", "'aws'")): s.get(
            "Condition"
        )
        for s in made[len(own) :]
        for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }
    cluster = {"ArnEquals": {"ecs:cluster": arn("ecs", "cluster/my-cluster")}}
    group = [key for key in found if key[0] == "codedeploy:GetDeployment"]
    assert "deploymentgroup:my-application/my-group" in group[0][1]
    del found[group[0]]
    assert found == {
        ("codepipeline:GetPipelineExecution", arn("codepipeline", "my-container-app")): None,
        ("codepipeline:ListActionExecutions", arn("codepipeline", "my-container-app")): None,
        ("codepipeline:ListPipelineExecutions", arn("codepipeline", "my-container-app")): None,
        ("codebuild:BatchGetBuilds", arn("codebuild", "project/my-container-app")): None,
        (
            "logs:GetLogEvents",
            arn("logs", "log-group:/aws/codebuild/my-container-app:log-stream:*"),
        ): None,
        ("ecs:DescribeServices", arn("ecs", "service/my-cluster/my-service")): None,
        ("ecs:DescribeTasks", arn("ecs", "task/my-cluster/*")): None,
        ("ecs:ListTasks", "*"): cluster,
    }


def test_a_bot_remembers_threads_and_a_webhook_needs_not(
    stack: cdk.Stack, resources: Resources, statements: Statements
) -> None:
    bot = SlackNotifier(stack, "Slack", slack=BOT)
    hook = SlackNotifier(stack, "Hook", slack=HOOK)
    assert bot.table is not None
    assert hook.table is None
    table = only(resources("AWS::DynamoDB::Table"))
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    (allowed,) = [s for s in statements(stack, "SlackRole") if "dynamodb" in str(s["Action"])]
    assert allowed["Action"] == ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
    assert allowed["Resource"] == {"Fn::GetAtt": [ref(resources("AWS::DynamoDB::Table")), "Arn"]}
    assert "dynamodb" not in str(statements(stack, "HookRole"))


def secret_statements(stack: cdk.Stack, statements: Statements) -> list[tuple[Any, Any]]:
    return [
        (s["Action"], s["Resource"])
        for s in statements(stack, "SlackRole")
        if "kms" in str(s["Action"]) or "secret" in str(s["Action"]) or "ssm" in str(s["Action"])
    ]


def test_a_secret_with_a_key_of_its_own(
    stack: cdk.Stack, statements: Statements, resources: Resources
) -> None:
    secret = secretsmanager.Secret(stack, "Hook", encryption_key=kms.Key(stack, "Key"))
    SlackNotifier(stack, "Slack", slack=SlackWebhook.from_secret(secret))
    location = {"Ref": ref(resources("AWS::SecretsManager::Secret"))}
    assert environment(resources)["SLACK_SECRET"] == location
    assert secret_statements(stack, statements) == [
        ("secretsmanager:GetSecretValue", location),
        ("kms:Decrypt", {"Fn::GetAtt": [ref(resources("AWS::KMS::Key")), "Arn"]}),
    ]


def test_a_secret_that_is_known_by_its_name(
    stack: cdk.Stack, statements: Statements, resources: Resources
) -> None:
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Bot", "slack/bot")
    SlackNotifier(stack, "Slack", slack=SlackBot.from_secret(secret, channel="C0123456789"))
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:slack/bot"
    assert secret_statements(stack, statements) == [
        ("secretsmanager:GetSecretValue", f"{arn}-??????")
    ]
    assert Settings.of({"SLACK_SECRET": environment(resources)["SLACK_SECRET"]}).secret == arn


def test_a_parameter_with_a_key_of_its_own(stack: cdk.Stack, statements: Statements) -> None:
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111122223333:key/0f1e")
    hook = SlackWebhook.from_parameter_store("/slack/hook", encryption_key=key)
    SlackNotifier(stack, "Slack", slack=hook)
    assert secret_statements(stack, statements) == [
        ("ssm:GetParameter", "arn:aws:ssm:eu-west-1:111122223333:parameter/slack/hook"),
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/0f1e"),
    ]


def test_its_own_alarms_go_to_a_topic(stack: cdk.Stack, resources: Resources) -> None:
    topic = AlertTopic(stack, "Mail")
    SlackNotifier(stack, "Slack", slack=HOOK, alarm_topic=topic.topic)
    made = {a["MetricName"]: a for a in resources("AWS::CloudWatch::Alarm").values()}
    assert {
        name: (a["Namespace"], a["Statistic"], a["Threshold"], a["Period"])
        for name, a in made.items()
    } == {
        "Errors": ("AWS/Lambda", "Sum", 3, 900),
        "ApproximateNumberOfMessagesVisible": ("AWS/SQS", "Maximum", 1, 300),
    }
    for alarm in made.values():
        target = [{"Ref": ref(resources("AWS::SNS::Topic"))}]
        assert alarm["AlarmActions"] == alarm["OKActions"] == target
        assert alarm["TreatMissingData"] == "notBreaching"


def test_its_alarms_are_changed_and_left_out_by_name(
    stack: cdk.Stack, resources: Resources
) -> None:
    changes = {NotifierAlarm.ERRORS: None, NotifierAlarm.DEAD_LETTERS: Threshold(value=5)}
    notifier = SlackNotifier(stack, "Slack", slack=HOOK, alarms=changes)
    assert list(notifier.alarms) == [NotifierAlarm.DEAD_LETTERS]
    assert only(resources("AWS::CloudWatch::Alarm"))["Threshold"] == 5


@pytest.mark.parametrize("slack", [HOOK, BOT])
def test_clean_by_cdk_nag(
    stack: cdk.Stack, nag: Callable[[cdk.Stack], list[str]], slack: Any
) -> None:
    SlackNotifier(stack, "Slack", slack=slack)
    assert nag(stack) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"notify_on": ["all"]}, r"'notify_on\[0\]' must be one of NotifyOn.FAILED.*string 'all'"),
        ({"notify_on": []}, r"'notify_on' must hold at least one value, got none"),
        ({"docs_url": "docs"}, r"'docs_url' must be .*starts with 'https://'; got 'docs'"),
        ({"alarms": {"slow": None}}, r"'alarms.keys\(\)' must be one of NotifierAlarm.ERRORS, "),
    ],
)
def test_bad_input(stack: cdk.Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SlackNotifier(stack, "Slack", slack=HOOK, **options)
    assert stack.node.try_find_child("Slack") is None


@pytest.mark.parametrize("channel", ["#alerts", "alerts", "", "c0123456789", "C01"])
def test_a_channel_must_be_an_id(channel: str) -> None:
    with pytest.raises(ValueError, match=r"'channel' must be .*a channel's id such as 'C0123"):
        SlackBot.from_parameter_store("/slack/bot", channel=channel)


@pytest.mark.parametrize("name", ["", "a b", "/x//y", "/x/"])
def test_a_parameter_must_have_a_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"'parameter_name' must be"):
        SlackWebhook.from_parameter_store(name)


@pytest.mark.parametrize(
    "secret", ["https://hooks.slack.com/services/T0/B0/abcdef", "xoxb-1234567890-abcdef"]
)
def test_a_secret_in_the_place_of_its_name_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValueError, match=r"'parameter_name' must be the name") as error:
        SlackWebhook.from_parameter_store(secret)
    assert "abcdef" not in str(error.value)


def test_tokens_are_never_checked(stack: cdk.Stack) -> None:
    name = cdk.CfnParameter(stack, "Name").value_as_string
    SlackNotifier(stack, "Slack", slack=SlackBot.from_parameter_store(name, channel=name))
