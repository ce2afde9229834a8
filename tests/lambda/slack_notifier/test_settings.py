"""Settings, the shape of invocations, console addresses, advice, and the package as a whole."""

import ast
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slack_notifier import console, handler
from slack_notifier.advice import ADVICE, advise
from slack_notifier.commits import commit_of_revision
from slack_notifier.event_readers import notice_of
from slack_notifier.notice import Outcome
from slack_notifier.records import unwrap
from slack_notifier.settings import Settings

PACKAGE = Path(handler.__file__).parent
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:slack-AbCdEf"


def test_defaults() -> None:
    settings = Settings.of({"SLACK_SECRET": SECRET})
    assert settings.notify_on == {Outcome.FAILED, Outcome.RECOVERED, Outcome.APPROVAL}
    assert not settings.test_origin


@pytest.mark.parametrize(
    "secret", [SECRET, "/team/slack", "slack", "arn:aws-cn:ssm:cn-north-1:111122223333:parameter/a"]
)
def test_places_of_a_secret(secret: str) -> None:
    assert Settings.of({"SLACK_SECRET": secret}).secret == secret


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({}, "'SLACK_SECRET' must be the ARN"),
        ({"SLACK_SECRET": "https://hooks.slack.com/services/hunter22"}, "'SLACK_SECRET'"),
        ({"SLACK_SECRET": "xoxb-hunter22"}, "'SLACK_SECRET'"),
        ({"SLACK_CHANNEL": "#general"}, "'SLACK_CHANNEL' must be a channel's id"),
        ({"NOTIFY_ON": "failed,often"}, "got 'often'"),
        ({"NOTIFY_ON": "unknown"}, "got 'unknown'"),
        ({"DOCS_URL": "docs"}, "'DOCS_URL' must be an https:// address"),
        ({"DOCS_URL": "https://a/|x"}, "'DOCS_URL'"),
        ({"DOCS_URL": "https://a/<b"}, "'DOCS_URL'"),
        ({"DOCS_URL": "https://a/b>"}, "'DOCS_URL'"),
        ({"DOCS_URL": "https://a/b c"}, "'DOCS_URL'"),
        ({"SLACK_TEST_ORIGIN": "ftp://a"}, "'SLACK_TEST_ORIGIN'"),
    ],
)
def test_wrong_settings_say_what_to_do(environment: dict[str, str], problem: str) -> None:
    base = {} if "SLACK_SECRET" in problem else {"SLACK_SECRET": SECRET}
    with pytest.raises(ValueError, match=problem) as caught:
        Settings.of(base | environment)
    assert "hunter22" not in str(caught.value)


def test_the_handler_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    handler._notifier.cache_clear()
    monkeypatch.delenv("SLACK_SECRET", raising=False)
    with pytest.raises(ValueError, match="SLACK_SECRET"):
        handler.handle({}, None)  # type: ignore[arg-type]
    monkeypatch.setenv("SLACK_SECRET", "/slack")
    assert handler._notifier() is handler._notifier()
    handler._notifier.cache_clear()


def wrapped(event: Any) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": json.dumps(event)}]}


def test_every_way_that_an_event_comes(event: Callable[[str], Any]) -> None:
    alarm = event("alarm")
    failed = {"version": "1.0", "requestContext": {}, "requestPayload": alarm}
    by_topic = {"Records": [{"Sns": {"MessageId": "s", "Message": json.dumps(alarm)}}]}
    for invocation in (alarm, wrapped(alarm), wrapped(failed), by_topic, wrapped(by_topic)):
        [record] = unwrap(invocation)
        assert record.event == alarm
        assert record.id == alarm["id"]
        assert record.message_id == ("m" if "eventSource" in str(invocation) else None)


def test_an_alarm_through_a_topic_and_a_queue(event: Callable[[str], Any]) -> None:
    [direct] = unwrap(event("alarm-by-sns"))
    [replayed] = unwrap(wrapped(event("alarm-by-sns")))
    assert direct.id == replayed.id == "95df01b4-ee98-5cb9-9903-4c221d41eb5e"
    assert notice_of(direct) == notice_of(replayed)


def test_an_event_without_an_id_has_one_by_content() -> None:
    ids = [
        unwrap(one)[0].id for one in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2}, "text", None)
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com/"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/"),
        ("eusc-de-east-1", "https://eusc-de-east-1.console.amazonaws-eusc.eu/"),
    ],
)
def test_console_addresses_by_partition(region: str, address: str) -> None:
    [link] = console.pipeline(region, "a/b|c>d", "e")
    assert link.url == (
        f"{address}codesuite/codepipeline/pipelines/a%2Fb%7Cc%3Ed/executions/e/timeline"
        f"?region={region}"
    )


@pytest.mark.parametrize("region", ["", "us-iso-east-1", "evil.example/", "eu-west-1|x", "x" * 50])
def test_no_address_where_there_is_none(region: str) -> None:
    assert console.pipeline(region, "a", "b") == ()


def test_no_address_without_a_name() -> None:
    assert console.pipeline("eu-west-1", "") == ()
    assert console.build("eu-west-1", "1", "no-colon") == ()
    assert console.service("eu-west-1", "", "s") == ()
    assert console.task("eu-west-1", "c", "") == ()
    assert console.image("eu-west-1", "1", "r", "") == ()
    assert console.alarm("eu-west-1", "") == ()
    assert console.deployment("eu-west-1", "") == ()
    assert console.alarm("eu-west-1", "x" * 3000) == ()


def test_no_address_with_a_secret_in_it() -> None:
    assert console.pipeline("eu-west-1", "AKIAIOSFODNN7EXAMPLE") == ()
    assert console.alarm("eu-west-1", "password=hunter22") == ()


# The words of AWS, Docker and this project, and the advice that each is to get.
MESSAGES = {
    "connection-pending": "Connection arn:aws:codeconnections:x:1:connection/x is not available",
    "docker-hub-rate-limit": "toomanyrequests: You have reached your pull rate limit.",
    "secret-unreadable": "ResourceInitializationError: unable to pull secrets or registry auth: x",
    "cannot-pull-image": "CannotPullContainerError: pull image manifest has been retried 5 time(s)",
    "ecr-login": "no basic auth credentials",
    "push-denied": "denied: User: x is not authorized to perform: ecr:InitiateLayerUpload on x",
    "immutable-tag": "tag '1' already exists in the 'x' repository and cannot be overwritten "
    "because the tag is immutable.",
    "scan-findings": "Image has severe vulnerabilities",
    "unknown-container": "The container app is not in the task definition",
    "artifact-missing": "Did not find the image definition file imagedefinitions.json in the input",
    "unhealthy": "Task failed ELB health checks in (target-group arn:x)",
    "permission-denied": 'exec: "./entrypoint.sh": permission denied: unknown',
    "task-exits": "app: exit code 137, OutOfMemoryError: Container killed due to memory usage",
    "capacity": "(service x) was unable to place a task. Reason: Capacity is unavailable",
    "deployment-timeout": "ECS deployment circuit breaker: tasks failed to start.",
    "access-denied": "User: x is not authorized to perform: codebuild:StartBuild on resource: y",
    "build-timeout": "Build timed out",
    "dockerfile": 'ERROR: failed to solve: process "/bin/sh -c npm ci" did not complete',
}


@pytest.mark.parametrize("anchor", [advice.anchor for advice in ADVICE])
def test_each_piece_of_advice_is_given(anchor: str) -> None:
    advice = advise(MESSAGES[anchor])
    assert advice is not None
    assert advice.anchor == anchor


@pytest.mark.parametrize(
    "text",
    [
        "exec /app/entrypoint.sh: permission denied",
        "#9 0.211 /bin/sh: ./gradlew: Permission denied",
        "/bin/bash: line 1: ./gradlew: Permission denied",
        'process "/bin/sh -c ./gradlew" did not complete successfully: exit code: 126',
    ],
)
def test_a_lost_executable_bit_is_recognised(text: str) -> None:
    advice = advise(text)
    assert advice is not None
    assert advice.anchor == "permission-denied"


@pytest.mark.parametrize(
    "text",
    [
        "listen tcp :80: bind: permission denied",
        "permission denied while trying to connect to the Docker daemon socket",
    ],
)
def test_another_permission_is_not_taken_for_it(text: str) -> None:
    assert advise(text) is None


def test_the_first_text_counts_and_anchors_are_unique() -> None:
    found = advise("", MESSAGES["unhealthy"], MESSAGES["ecr-login"])
    assert found
    assert found.anchor == "unhealthy"
    assert advise("all is well") is None
    assert len({advice.anchor for advice in ADVICE}) == len(ADVICE)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://github.com/team/app/commit/8e0c6fb8?a=1&b=2", True),
        ("http://github.com/x", False),
        ("javascript:alert(1)", False),
        ("https://x/|y", False),
        ("https://x/>", False),
        ("https://me:hunter22@x/", False),
        ("https://x/?token=hunter22", False),
        ("https://", False),
        ("https://[", False),
        ("https://x/" + "y" * 3000, False),
    ],
)
def test_only_a_harmless_address_becomes_a_link(url: str, kept: bool) -> None:
    commit = commit_of_revision({"revisionId": "8e0c6fb8", "revisionUrl": url})
    assert commit
    assert commit.url == (url if kept else "")


def test_the_package_is_small() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(PACKAGE.rglob("*.py")):
            archive.write(path, path.relative_to(PACKAGE.parent))
    # Two thirds of it are code, one third says what the code is for.
    assert len(content.getvalue()) < 44 * 1024


def test_the_package_needs_nothing_but_the_runtime() -> None:
    roots = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add((node.module or "").partition(".")[0])
    assert roots - set(sys.stdlib_module_names) == {"slack_notifier", "botocore", "urllib3"}
    assert not (PACKAGE.parent / "__init__.py").exists()


def test_a_cold_start_imports_no_client() -> None:
    program = (
        "import sys, slack_notifier.handler; "
        "print(*sorted({'boto3', 'botocore', 'urllib3', 'ssl'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(PACKAGE.parent), "SLACK_SECRET": "/slack"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
