"""What holds for every log group."""

from collections.abc import Callable
from typing import Any

import pytest

from stacks.settings import Settings, SettingsError

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0f1e2d3c"


def log_groups(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        resource["Properties"]
        for template in made.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    ]


@pytest.mark.parametrize(
    ("logs", "days", "key"),
    [
        ({}, 30, None),
        ({"retention_days": 365}, 365, None),
        ({"retention_days": 7, "kms_key_arn": KEY}, 7, KEY),
    ],
)
def test_every_log_group_is_kept_and_encrypted_as_the_settings_say(
    templates: Callable[[dict[str, Any]], dict[str, Any]],
    delivery: dict[str, Any],
    logs: dict[str, Any],
    days: int,
    key: str | None,
) -> None:
    found = log_groups(templates({**delivery, "logs": logs}))
    # Of the recorder, the pointer's maker, the network, the service, the build.
    assert len(found) >= 5
    assert {group["RetentionInDays"] for group in found} == {days}
    assert {group.get("KmsKeyId") for group in found} == {key}


@pytest.mark.parametrize("logs", [{"retention_days": 31}, {"kms_key_arn": "alias/mine"}])
def test_what_cloudwatch_does_not_take_is_refused(
    delivery: dict[str, Any], logs: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError, match=rf"logs\.{next(iter(logs))}: "):
        Settings.from_context({**delivery, "logs": logs})
