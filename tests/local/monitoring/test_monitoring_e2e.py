"""From real failures to the message: by real rules and the real function, to Slack's stand-in.

A webhook gets notifications of the app's two pipelines, a bot of one of them.
"""

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import demo
from local.cloud import Cloud
from local.emulator.slack import WEBHOOK
from local.release import Commit, ReleaseError, Releases
from tests.local.emulator.driver import eventually
from tests.local.monitoring.bot import TOKEN
from tests.local.monitoring.notifications import PIPELINE, Notifications, shown

pytestmark = pytest.mark.e2e

OTHER_PIPELINE = f"{PIPELINE}-blue-green"
BROKEN = """\
FROM node:24-alpine
RUN echo DB_PASSWORD=hunter2 && echo 'this is the cause' && exit 7
"""
DEAD = "export const GREETING = 'bye';\nprocess.exit(3);\n"
WELL = "export const GREETING = 'well again';\n"
_SECONDS = 60.0


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, str], Path]:
    """The sample application with a file of it changed."""

    def changed(file: str, content: str) -> Path:
        folder = tmp_path / f"application-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(demo.SAMPLE, folder)
        (folder / file).write_text(content)
        return folder

    return changed


@pytest.fixture
def release(
    monitored: Cloud, changed: Callable[[str, str], Path]
) -> Callable[[str, str], tuple[Commit, str, str]]:
    """Release the sample with a file of it changed: the commit, the execution and its status."""
    releases = Releases(monitored.endpoint)

    def release(file: str, content: str) -> tuple[Commit, str, str]:
        commit = Commit.of(changed(file, content))
        repository, branch = releases.source(PIPELINE)
        (execution,) = releases.push(
            commit, repository=repository, branch=branch, message="Greet <all> & more"
        )
        status = releases.follow(PIPELINE, execution, on_change=lambda _: None, seconds=300)
        return commit, execution, status

    return release


def refuse(cloud: Cloud, times: int, status: int, about: str) -> None:
    query = urllib.parse.urlencode({"times": times, "status": status, "about": about})
    request = urllib.request.Request(  # noqa: S310 - the cloud's own address
        f"{cloud.endpoint}/_local/slack?{query}", method="POST"
    )
    urllib.request.urlopen(request).close()  # noqa: S310


def test_a_failed_build_and_the_recovery_after_it(
    monitored: Cloud,
    webhook: Notifications,
    by_bot: Notifications,
    release: Callable[[str, str], tuple[Commit, str, str]],
) -> None:
    commit, failed, status = release("Dockerfile", BROKEN)
    assert status == "Failed"
    message = webhook.first(f"{PIPELINE}: Release failed")
    said = shown(message)
    for words in (
        "Stage  Action",
        "Phase",
        "BUILD",
        "COMMAND_EXECUTION_ERROR",
        "this is the cause",
        "DB_PASSWORD=[hidden]",
        commit.id[:8],
        "Greet <all> & more",
        "by Local Developer",
        f"console.aws.amazon.com/codesuite/codepipeline/pipelines/{PIPELINE}/executions/{failed}",
        "Build log",
        "What to do",
    ):
        assert words in said, said
    texts = [b["text"]["text"] for b in message["blocks"] if b["type"] == "section" and "text" in b]
    assert [text[:3] for text in texts if "this is the cause" in text] == ["```"]  # the log alone
    # Slack rejects the next one at first, and still gets it once.
    refuse(monitored, 1, 429, "Release succeeded again")
    _, succeeded, status = release("src/greeting.js", WELL)
    assert status == "Succeeded"
    webhook.first(f"{PIPELINE}: Release succeeded again")
    assert len(webhook.messages("Release succeeded again")) == 1

    # The bot has one message for each release, which says how it ended, and the end in its thread.
    for execution, end in ((failed, "Release failed"), (succeeded, "Release succeeded again")):
        eventually(lambda end=end: len(by_bot.messages(end)) == 2, _SECONDS)
        release_said, reply = by_bot.messages(end)
        assert execution in shown(release_said)
        assert "thread_ts" not in release_said
        assert (reply["thread_ts"], reply["reply_broadcast"]) == (release_said["ts"], True)
        assert shown(reply) == shown(release_said)
    assert len(by_bot.messages()) == 4

    said = json.dumps(webhook.messages() + by_bot.messages())
    assert not [secret for secret in (WEBHOOK, TOKEN, "hunter2") if secret in said]


def test_a_rollback_is_reported_in_the_words_of_ecs(
    monitored: Cloud,
    webhook: Notifications,
    by_bot: Notifications,
    changed: Callable[[str, str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ReleaseError):
        demo.release(monitored.endpoint, changed("src/greeting.js", DEAD), PIPELINE)
    printed = capsys.readouterr().out
    assert "Slack" in printed
    assert f"{PIPELINE}: Release failed" in printed
    for channel in (webhook, by_bot):
        said = shown(channel.first(f"{PIPELINE}: Release failed"))
        assert "Deploy" in said
        assert "ECS deployment circuit breaker" in said
        assert "What to do" in said
    assert "https://example.com/troubleshooting#" in said
    deployment = webhook.first(f"{PIPELINE}: Deployment failed")
    assert "ECS deployment circuit breaker" in shown(deployment)
    stopped = shown(webhook.first(f"{PIPELINE}: Task"))
    assert "app: exit code 3" in stopped, stopped


def test_what_slack_never_takes_waits_in_the_queue_until_it_is_replayed(
    monitored: Cloud, webhook: Notifications, client: Callable[[str], Any]
) -> None:
    # As docs/monitoring.md finds them, and below replays.
    resources = client("cloudformation").list_stack_resources(StackName="delivery-monitoring")
    (function,) = (
        found["PhysicalResourceId"]
        for found in resources["StackResourceSummaries"]
        if found["ResourceType"] == "AWS::Lambda::Function"
    )
    (mapping,) = client("lambda").list_event_source_mappings(FunctionName=function)[
        "EventSourceMappings"
    ]
    queue = client("sqs").get_queue_url(QueueName=mapping["EventSourceArn"].rpartition(":")[2])[
        "QueueUrl"
    ]

    def waiting() -> int:
        attributes = client("sqs").get_queue_attributes(
            QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    assert waiting() == 0
    # Lambda calls the function three times.
    refuse(monitored, 3, 404, f"{OTHER_PIPELINE}: Release failed")
    releases = Releases(monitored.endpoint)
    execution = releases.start(OTHER_PIPELINE, IMAGE="no-such-image")
    assert (
        releases.follow(OTHER_PIPELINE, execution, on_change=lambda _: None, seconds=300)
        == "Failed"
    )
    eventually(lambda: waiting() == 1, _SECONDS)
    assert not webhook.messages("Release failed")
    client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    assert execution in shown(webhook.first(f"{OTHER_PIPELINE}: Release failed"))
    client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    assert waiting() == 0
    assert len(webhook.messages("Release failed")) == 1
