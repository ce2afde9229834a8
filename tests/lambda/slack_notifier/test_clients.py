"""The function's own AWS clients: a look-up that hangs must leave time for the message."""

from collections.abc import Iterator

import pytest

from slack_notifier import aws


@pytest.fixture(autouse=True)
def _of_this_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws.client.cache_clear()
    yield
    aws.client.cache_clear()


@pytest.mark.parametrize("service", ["codebuild", "codepipeline", "dynamodb", "ecs", "logs", "ssm"])
def test_calls_end_soon_and_are_tried_twice(service: str) -> None:
    config = aws.client(service).meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 4)
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}


def test_a_client_is_made_once() -> None:
    assert aws.client("ssm") is aws.client("ssm")
    assert aws.client("ssm") is not aws.client("ecs")
