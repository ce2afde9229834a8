"""The settings below ``release``: each gets where it is meant to, and bad ones are named."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks import Settings, SettingsError

TOPIC = "arn:aws:sns:eu-west-1:111122223333:releases"
SOURCE = {"type": "github", "repository": "acme/shop", "branch": "release"}
RELEASE = {
    "triggers": [
        {"file_paths": ["services/shop/**"], "file_paths_excluded": ["**/*.md"]},
        {"branches": ["hotfix/*"], "branches_excluded": ["hotfix/old"]},
        {"tags": ["v*"], "tags_excluded": ["v0.*"]},
    ],
    "execution_mode": "QUEUED",
    "approval": {
        "topic_arn": TOPIC,
        "link": "https://example.com/releases",
        "message": "Is the migration through?",
        "timeout_minutes": 240,
    },
    "deployment_window": {"cron": "* * 9-16 ? * MON-THU *", "time_zone": "Europe/Berlin"},
    "alarms": {
        "names": ["errors", "latency"],
        "wait_minutes": 20,
        "watch_minutes": 15,
        "on_alarm": "FAIL",
    },
    "retry_build": True,
    "on_failure": "RETRY_ALL_ACTIONS",
    "on_drift": "NOTIFY",
    "frozen": "Year end",
}

Templates = Callable[[dict[str, Any]], dict[str, Any]]


def settings(release: dict[str, Any], **service: Any) -> dict[str, Any]:
    return {
        "name": "acme",
        "services": [{"name": "shop", "source": SOURCE, "release": release, **service}],
    }


@pytest.fixture(scope="module")
def resources(templates: Templates) -> list[dict[str, Any]]:
    return list(templates(settings(RELEASE))["acme-shop-pipeline"]["Resources"].values())


@pytest.fixture(scope="module")
def pipeline(resources: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [r for r in resources if r["Type"] == "AWS::CodePipeline::Pipeline"]
    properties: dict[str, Any] = found["Properties"]
    return properties


def test_triggers(pipeline: dict[str, Any]) -> None:
    (trigger,) = pipeline["Triggers"]
    assert trigger["GitConfiguration"]["Push"] == [
        {
            "Branches": {"Includes": ["release"]},
            "FilePaths": {"Includes": ["services/shop/**"], "Excludes": ["**/*.md"]},
        },
        {"Branches": {"Includes": ["hotfix/*"], "Excludes": ["hotfix/old"]}},
        {"Tags": {"Includes": ["v*"], "Excludes": ["v0.*"]}},
    ]


def test_execution_mode_and_freeze(pipeline: dict[str, Any]) -> None:
    assert pipeline["ExecutionMode"] == "QUEUED"
    assert pipeline["DisableInboundStageTransitions"] == [
        {"StageName": "Deploy", "Reason": "Year end"}
    ]


def test_drift(resources: list[dict[str, Any]]) -> None:
    (rule,) = [r for r in resources if r["Type"] == "AWS::Events::Rule"]
    assert '"restores":false' in json.dumps(rule).replace("\\", "")


def test_approval(pipeline: dict[str, Any]) -> None:
    (approve,) = pipeline["Stages"][2]["Actions"]
    assert approve["TimeoutInMinutes"] == 240
    assert approve["Configuration"] == {
        "NotificationArn": TOPIC,
        "ExternalEntityLink": "https://example.com/releases",
        "CustomData": "Is the migration through?",
    }


def test_window_alarms_and_failure(pipeline: dict[str, Any]) -> None:
    deploy = pipeline["Stages"][3]
    (before,) = deploy["BeforeEntry"]["Conditions"]
    assert [rule["Configuration"] for rule in before["Rules"]] == [
        {"Cron": "* * 9-16 ? * MON-THU *", "TimeZone": "Europe/Berlin"},
        {"AlarmName": "errors", "WaitTime": "20"},
        {"AlarmName": "latency", "WaitTime": "20"},
    ]
    (after,) = deploy["OnSuccess"]["Conditions"]
    assert after["Result"] == "FAIL"
    assert [rule["Configuration"] for rule in after["Rules"]] == [
        {"AlarmName": "errors", "WaitTime": "15"},
        {"AlarmName": "latency", "WaitTime": "15"},
    ]
    assert deploy["OnFailure"]["RetryConfiguration"] == {"RetryMode": "ALL_ACTIONS"}
    build = pipeline["Stages"][1]
    assert build["OnFailure"]["RetryConfiguration"] == {"RetryMode": "FAILED_ACTIONS"}


def test_the_least_of_each(templates: Templates) -> None:
    resources = templates(
        settings(
            {
                "approval": {},
                "deployment_window": {"cron": "* * * ? * *"},
                "alarms": {"names": ["errors"]},
            }
        )
    )["acme-shop-pipeline"]["Resources"].values()
    (found,) = [r for r in resources if r["Type"] == "AWS::CodePipeline::Pipeline"]
    *_, gate, deploy = found["Properties"]["Stages"]
    assert not {"Configuration", "TimeoutInMinutes"} & set(gate["Actions"][0])
    (before,) = deploy["BeforeEntry"]["Conditions"]
    assert [rule["Configuration"] for rule in before["Rules"]] == [
        {"Cron": "* * * ? * *", "TimeZone": "UTC"},
        {"AlarmName": "errors"},
    ]
    assert "OnSuccess" not in deploy


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ({"trigger": []}, r"release\.trigger: is not a setting"),
        ({"triggers": [{}] * 4}, r"release\.triggers: .*at most 3 items"),
        (
            {"triggers": [{"branches": ["x"] * 9}]},
            r"release\.triggers\.0\.branches: .*at most 8 items",
        ),
        (
            {"triggers": [{"file_paths": [""]}]},
            r"release\.triggers\.0\.file_paths\.0: .*at least 1 character",
        ),
        ({"triggers": [{"tags": "v*"}]}, r"release\.triggers\.0\.tags: .*list; got 'v\*'"),
        ({"execution_mode": "PARALLEL"}, r"release\.execution_mode: .*'QUEUED'.*got 'PARALLEL'"),
        ({"approval": {"topic_arn": "me"}}, r"release\.approval\.topic_arn: .*got 'me'"),
        ({"approval": {"link": "example.com"}}, r"release\.approval\.link: .*got 'example\.com'"),
        ({"approval": {"message": ""}}, r"release\.approval\.message: .*at least 1 character"),
        ({"approval": {"timeout_minutes": 4}}, r"release\.approval\.timeout_minutes: .*5; got 4"),
        ({"deployment_window": {}}, r"release\.deployment_window\.cron: is missing"),
        ({"alarms": {"names": []}}, r"release\.alarms\.names: .*at least 1 item"),
        (
            {"alarms": {"names": ["a"], "wait_minutes": 0}},
            r"release\.alarms\.wait_minutes: .*1; got 0",
        ),
        (
            {"alarms": {"names": ["a"], "watch_minutes": 0}},
            r"release\.alarms\.watch_minutes: .*1; got 0",
        ),
        (
            {"alarms": {"names": ["a"], "on_alarm": "SKIP"}},
            r"release\.alarms\.on_alarm: .*'FAIL'; got 'SK",
        ),
        ({"on_failure": "RETRY"}, r"release\.on_failure: .*'ROLLBACK'; got 'RETRY'"),
        ({"on_drift": "OFF"}, r"release\.on_drift: .*'IGNORE'; got 'OFF'"),
        ({"frozen": "Year's end"}, r"release\.frozen: .*got \"Year's end\""),
    ],
)
def test_bad_settings_are_rejected_by_their_path(release: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=rf"context\.delivery\.services\.0\.{message}"):
        Settings.from_context(settings(release))


@pytest.mark.parametrize(
    ("release", "service", "message"),
    [
        (
            {"triggers": [{"tags": ["v*"], "branches": ["main"]}]},
            {},
            "'push_trigger.tags' must come without",
        ),
        (
            {"triggers": [{}]},
            {"source": {"type": "codecommit", "repository": "shop"}},
            "'controls.triggers' must be left out for a source without a connection",
        ),
        ({"deployment_window": {"cron": "9 * * * *"}}, {}, "'deployment_window.cron' must have 6"),
        (
            {"alarms": {"names": list("abcde")}, "deployment_window": {"cron": "* * * ? * *"}},
            {},
            ".*must make at most 5 rules",
        ),
    ],
)
def test_what_a_construct_refuses_is_reported_with_the_service(
    templates: Templates, release: dict[str, Any], service: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"context\.delivery\.services\.0: {message}"):
        templates(settings(copy.deepcopy(release), **service))


PULL_REQUESTS = {
    "branches": ["main", "next"],
    "branches_excluded": ["next-old"],
    "file_paths": ["services/shop/**"],
    "file_paths_excluded": ["**/*.md"],
    "secret_parameters": {"npm": "/shop/npm-read-only"},
}


def test_pull_requests_have_a_pipeline_and_a_build_of_their_own(templates: Templates) -> None:
    build = {
        "test_command": ["npm", "test"],
        "compute_type": "LARGE",
        "concurrent_builds": 1,
        "secret_parameters": {"npm": "/shop/npm", "key": "/shop/key"},
    }
    made = templates(settings({}, pull_requests=PULL_REQUESTS, build=build))
    resources = made["acme-shop-pipeline"]["Resources"].values()
    named = {
        (found["Type"].rpartition("::")[2], found["Properties"].get("Name")): found["Properties"]
        for found in resources
        if found["Type"].startswith("AWS::Code")
    }
    pipeline = named["Pipeline", "shop-pull-requests"]
    (trigger,) = pipeline["Triggers"]
    assert trigger["GitConfiguration"]["PullRequest"] == [
        {
            "Branches": {"Includes": ["main", "next"], "Excludes": ["next-old"]},
            "FilePaths": {"Includes": ["services/shop/**"], "Excludes": ["**/*.md"]},
            "Events": ["OPEN", "UPDATED"],
        }
    ]
    # Two pull requests at a time are no failure of the second.
    limits = {
        name: project.get("ConcurrentBuildLimit")
        for (kind, name), project in named.items()
        if kind == "Project"
    }
    assert limits == {"shop": 1, "shop-pull-requests": None}
    environment = named["Project", "shop-pull-requests"]["Environment"]
    assert environment["ComputeType"] == "BUILD_GENERAL1_LARGE"
    variables = {each["Name"]: each["Value"] for each in environment["EnvironmentVariables"]}
    assert variables["TEST_COMMAND"] == '["npm","test"]'
    # Not the secrets of releases: whoever opens a pull request can read what its build is given.
    assert variables["BUILD_SECRET_1"] == "/shop/npm-read-only"
    assert "BUILD_SECRET_2" not in variables
    (repository,) = [r for r in resources if r["Type"] == "AWS::ECR::Repository"]
    assert repository["Properties"]["RepositoryName"] == "shop/pull-requests"


def test_pull_requests_start_nothing_unless_they_are_asked_for(templates: Templates) -> None:
    resources = templates(settings({}))["acme-shop-pipeline"]["Resources"].values()
    assert len([r for r in resources if r["Type"] == "AWS::CodePipeline::Pipeline"]) == 1


def test_pull_requests_need_a_source_that_announces_them() -> None:
    source = {"type": "codecommit", "repository": "shop"}
    with pytest.raises(SettingsError, match=r"services\.0: pull_requests must be left out with"):
        Settings.from_context({"services": [{"name": "a1", "source": source, "pull_requests": {}}]})


def test_the_names_of_pull_requests_are_no_other_services() -> None:
    services = [
        {"name": "shop", "source": SOURCE, "pull_requests": {}},
        {"name": "shop-pull-requests", "source": SOURCE, "priority": 2},
    ]
    with pytest.raises(SettingsError, match="unique names, got shop-pull-requests twice"):
        Settings.from_context({"services": services})
