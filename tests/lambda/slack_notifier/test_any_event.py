"""Whatever arrives: no exception, no secret, no mention, and nothing that Slack would refuse."""

import json
from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slack_notifier.event_readers import notice_of
from slack_notifier.message import build_message
from slack_notifier.mrkdwn import cut, cut_start, escape, width
from slack_notifier.notice import Commit, Link, Notice, Outcome
from slack_notifier.records import unwrap

SECRETS = (
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3gH5",
    "xoxb-1234567890-1234567890123-abcdefghijklmnop",
    "dckr_pat_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
)
NASTY = st.sampled_from(
    (
        *SECRETS,
        "<!channel>",
        "<!here|@here>",
        "@channel @here @everyone",
        "<https://evil.example|click>",
        "https://me:hunter22@example.com",
        "password=hunter22",
        "```",
        "```\n<@U123>\n```",
        "&lt;!channel&gt;",
        "\x1b[31mred\x1b[0m",
        "\u202eright to left",
        "\u061c\u2066isolated\u2069\u200f",
        "so\u00adft \u200bzero\u200d \ufeffwidth",
        "\ufff9note\ufffb \U000e0041\U000e007ftag",
        "bell\x07 \x85 \x9b31m \x7f",
        "\ud83d",
        "\U0001f600" * 200,
        "&" * 4000,
        "<" * 4000,
        "\n" * 300 + "x",
        " ",
        "*bold* _it_ ~no~",
        "x" * 20_000,
    )
)
TEXT = st.one_of(NASTY, st.text(max_size=60), st.lists(NASTY, min_size=2, max_size=4).map(" ".join))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(TEXT, inner, max_size=5)),
    max_leaves=12,
)
KINDS = (
    ("aws.codepipeline", "CodePipeline Pipeline Execution State Change"),
    ("aws.codepipeline", "CodePipeline Stage Execution State Change"),
    ("aws.codepipeline", "CodePipeline Action Execution State Change"),
    ("aws.ecs", "ECS Deployment State Change"),
    ("aws.ecs", "ECS Task State Change"),
    ("aws.codedeploy", "CodeDeploy Deployment State-change Notification"),
    ("aws.codebuild", "CodeBuild Build State Change"),
    ("aws.ecr", "ECR Image Scan"),
    ("aws.inspector2", "Inspector2 Scan"),
    ("aws.cloudwatch", "CloudWatch Alarm State Change"),
    ("aws.other", "Something Else"),
)
STATES = st.sampled_from(
    (
        "FAILED",
        "SUCCEEDED",
        "STARTED",
        "FAILURE",
        "COMPLETE",
        "STOPPED",
        "SERVICE_DEPLOYMENT_FAILED",
    )
)
NESTED = st.one_of(JSON, st.fixed_dictionaries({}, optional={"value": STATES, "category": TEXT}))
DETAIL = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {},
        optional={
            "pipeline": TEXT,
            "execution-id": TEXT,
            "state": st.one_of(STATES, NESTED),
            "stage": TEXT,
            "action": TEXT,
            "type": NESTED,
            "pipeline-execution-attempt": JSON,
            "execution-trigger": st.one_of(
                JSON, st.fixed_dictionaries({"commit-id": TEXT, "commit-message": TEXT})
            ),
            "execution-result": st.fixed_dictionaries({"external-execution-summary": TEXT}),
            "eventName": STATES,
            "reason": TEXT,
            "taskArn": TEXT,
            "group": TEXT,
            "lastStatus": STATES,
            "stoppedReason": TEXT,
            "stopCode": TEXT,
            "containers": st.one_of(
                JSON, st.lists(st.fixed_dictionaries({"name": TEXT, "reason": TEXT}))
            ),
            "application": TEXT,
            "deploymentId": TEXT,
            "build-status": STATES,
            "project-name": TEXT,
            "build-id": TEXT,
            "additional-information": JSON,
            "scan-status": STATES,
            "repository-name": TEXT,
            "image-digest": TEXT,
            "image-tags": JSON,
            "finding-severity-counts": JSON,
            "alarmName": TEXT,
            "previousState": NESTED,
            "configuration": NESTED,
        },
    ),
)
EVENT = st.one_of(
    JSON,
    st.builds(
        lambda kind, detail, **more: {
            "source": kind[0],
            "detail-type": kind[1],
            "detail": detail,
            **more,
        },
        st.sampled_from(KINDS),
        DETAIL,
        region=st.one_of(st.just("eu-west-1"), TEXT),
        account=TEXT,
        time=st.one_of(st.just("2026-11-20T10:09:43Z"), TEXT),
        id=JSON,
        resources=st.one_of(
            JSON, st.lists(TEXT.map(lambda name: f"arn:aws:ecs:x:1:service/{name}/{name}"))
        ),
    ),
)
INVOCATION = st.one_of(
    EVENT,
    st.lists(
        st.one_of(
            EVENT.map(lambda event: {"eventSource": "aws:sqs", "body": json.dumps(event)}),
            EVENT.map(lambda event: {"Sns": {"Message": json.dumps(event)}}),
            JSON,
        ),
        max_size=3,
    ).map(lambda records: {"Records": records}),
)
PATIENT = settings(
    # The same examples on each run; nothing is kept between runs.
    derandomize=True,
    database=None,
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def check(payload: Any, block_kit: ModuleType) -> None:
    assert block_kit.problems(payload) == []
    # As it goes over the wire, and as a reader's client undoes it.
    sent = json.dumps(payload)
    for secret in (*SECRETS, "hunter22"):
        assert secret not in sent
    assert "<https://evil" not in sent


@PATIENT
@given(invocation=INVOCATION)
def test_any_event(invocation: Any, block_kit: ModuleType) -> None:
    for record in unwrap(invocation):
        check(build_message(notice_of(record)).payload(), block_kit)


@PATIENT
@given(
    texts=st.lists(TEXT, min_size=10, max_size=10),
    outcome=st.sampled_from(Outcome),
    facts=st.lists(st.tuples(TEXT, TEXT), max_size=15),
)
def test_any_notice(
    texts: list[str], outcome: Outcome, facts: list[tuple[str, str]], block_kit: ModuleType
) -> None:
    """What look-ups bring: logs, reasons, commits."""
    notice = Notice(
        id=texts[0],
        outcome=outcome,
        subject=texts[1],
        title=texts[2],
        region=texts[3],
        account=texts[4],
        facts=tuple(facts),
        reason=texts[5],
        log="\n".join(texts),
        raw=texts[6],
        commit=Commit(id=texts[7], message=texts[8], author=texts[9], branch=texts[0]),
        links=(Link("Pipeline", "https://example.com/?a=1&b=2"),),
    )
    message = build_message(notice, service=texts[1], docs_url="https://example.com/docs")
    check(message.payload(), block_kit)
    check(message.payload(plain=True) | {"blocks": message.blocks[:1]}, block_kit)


@PATIENT
@given(text=TEXT, limit=st.integers(8, 400))
def test_cutting_keeps_to_the_limit_and_entities_whole(text: str, limit: int) -> None:
    escaped = escape(text.encode("utf-8", "ignore").decode())
    for shown in (cut(escaped, limit), cut_start(escaped, limit)):
        assert width(shown) <= limit
        rest = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert "&" not in rest


def test_a_deeply_nested_event_is_sent() -> None:
    event: Any = "bottom"
    for _ in range(100_000):
        event = [event]
    [record] = unwrap({"detail": event})
    assert "[...]" in notice_of(record).raw
    body = "[" * 100_000
    [record] = unwrap({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body}]})
    assert notice_of(record).raw.startswith("[[[")
    # Python frees nested lists without recursion, but comparing them needs it.
    while isinstance(event, list):
        event = event[0]
