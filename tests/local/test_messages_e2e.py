"""From a real failed build and a real rollback to the message, by real rules and the function."""

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.block_kit import lines_of
from local.cloud import ACCOUNT, REGION, Cloud
from local.demo import SAMPLE
from local.emulator.slack import WEBHOOK
from local.release import Commit, Releases
from local.slack import posted
from tests.local.emulator.driver import eventually

pytestmark = pytest.mark.e2e

PIPELINE = "my-container-app"
DEAD = "console.error('no such thing');\nprocess.exit(3);\n"
_SECONDS = 60.0


class Told:
    """What Slack is told from some moment on."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._known = len(posted(endpoint))

    def messages(self) -> list[dict[str, Any]]:
        return posted(self._endpoint)[self._known :]

    def about(self, words: str) -> str:
        """Wait for the message whose first line has these words; all that it shows."""

        def look() -> str | None:
            for message in self.messages():
                if words in message["text"]:
                    return "\n".join(
                        "".join(f"{span.text} {span.url} " for span in line.spans)
                        for line in lines_of(message)
                    )
            return None

        return str(eventually(look, _SECONDS))


@pytest.fixture(scope="module")
def client(cloud: Cloud) -> Callable[[str], Any]:
    session = boto3.Session(
        aws_access_key_id=ACCOUNT, aws_secret_access_key="local", region_name=REGION
    )
    return lambda service: session.client(service, endpoint_url=cloud.endpoint)


@pytest.fixture
def told(engine: Cloud) -> Told:
    return Told(engine.endpoint)


@pytest.fixture
def release(engine: Cloud, tmp_path: Path) -> Callable[..., str]:
    """Release the sample with some of its files changed; how that ended."""
    releases = Releases(engine.endpoint)

    def release(**changed: str) -> str:
        folder = tmp_path / f"application-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(SAMPLE, folder)
        for name, content in {"dockerfile": None, "app": None, **changed}.items():
            file = {"dockerfile": "Dockerfile", "app": "src/greeting.js"}[name]
            if content is not None:
                (folder / file).write_text(content)
        repository, branch = releases.watched(PIPELINE)
        (execution,) = releases.push(
            Commit.of(folder), repository=repository, branch=branch, message="Greet <all> & more"
        )
        return releases.follow(PIPELINE, execution, seen=lambda _: None, seconds=300)

    return release


def refuse(cloud: Cloud, times: int, status: int, about: str) -> None:
    query = urllib.parse.urlencode({"times": times, "status": status, "about": about})
    request = urllib.request.Request(  # noqa: S310 - the cloud's own address
        f"{cloud.endpoint}/_local/slack?{query}", method="POST"
    )
    urllib.request.urlopen(request).close()  # noqa: S310


def test_a_failed_build_and_the_recovery_after_it(
    engine: Cloud, told: Told, release: Callable[..., str]
) -> None:
    broken = "FROM node:20-alpine\nRUN echo 'this is the cause' && exit 7\n"
    assert release(dockerfile=broken) == "Failed"
    said = told.about(f"{PIPELINE}: Release failed")
    for words in (
        "Build",
        "COMMAND_EXECUTION_ERROR",
        "this is the cause",
        "Greet <all> & more",
        "by Local Developer",
        "console.aws.amazon.com/codesuite",
        "Build log",
    ):
        assert words in said, said
    secret = WEBHOOK.rpartition("/services/")[2]
    assert all(secret not in json.dumps(message) for message in told.messages())
    # Slack has no time for the next one at first, and is told it once all the same.
    refuse(engine, 1, 429, "Release succeeded again")
    assert release(app="export const GREETING = 'well again';\n") == "Succeeded"
    told.about(f"{PIPELINE}: Release succeeded again")
    recovered = [m for m in told.messages() if "Release succeeded again" in m["text"]]
    assert len(recovered) == 1


def test_a_rollback_is_told_in_the_words_of_ecs(told: Told, release: Callable[..., str]) -> None:
    assert release(app=DEAD) == "Failed"
    said = told.about(f"{PIPELINE}: Release failed")
    assert "Deploy" in said
    assert "ECS deployment circuit breaker" in said
    assert "What to do" in said
    assert "ECS deployment circuit breaker" in told.about(f"{PIPELINE}: Deployment failed")
    assert "exit" in told.about(f"{PIPELINE}: Task").lower()


def test_what_slack_never_takes_waits_in_the_queue_until_it_is_replayed(
    engine: Cloud, told: Told, client: Callable[[str], Any]
) -> None:
    (function,) = (
        found["FunctionName"]
        for found in client("lambda").list_functions()["Functions"]
        if "Slack" in found["FunctionName"]
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
    refuse(engine, 3, 404, "Release failed")  # Lambda calls the function three times
    releases = Releases(engine.endpoint)
    execution = releases.start(PIPELINE, IMAGE="no-such-image")
    assert releases.follow(PIPELINE, execution, seen=lambda _: None, seconds=300) == "Failed"
    eventually(lambda: waiting() == 1, _SECONDS)
    assert not any("Release failed" in message["text"] for message in told.messages())
    # The command in docs/monitoring.md.
    client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    told.about(f"{PIPELINE}: Release failed")
    client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    assert waiting() == 0
