"""The settings below ``release``: each gets where it is meant to, and bad ones are named."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.mistakes import mistakes

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
        (
            {"trigger": []},
            "services[0].release.trigger: is not a setting; did you mean 'triggers'?",
        ),
        (
            {"triggers": [{}] * 4},
            "services[0].release.triggers: must be a list of at most 3, got 4",
        ),
        (
            {"triggers": [{"branches": ["x"] * 9}]},
            "services[0].release.triggers[0].branches: must be a list of at most 8, got 9",
        ),
        (
            {"triggers": [{"file_paths": [""]}]},
            "services[0].release.triggers[0].file_paths[0]: must have at least 1 character, got ''",
        ),
        (
            {"triggers": [{"tags": "v*"}]},
            "services[0].release.triggers[0].tags: must be a list, got 'v*'",
        ),
        (
            {"execution_mode": "PARALLEL"},
            "services[0].release.execution_mode: must be 'SUPERSEDED' or 'QUEUED', got 'PARALLEL'",
        ),
        (
            {"approval": {"topic_arn": "me"}},
            (
                "services[0].release.approval.topic_arn: must be the ARN of a topic, "
                "'arn:aws:sns:<region>:<account>:<name>', got 'me'"
            ),
        ),
        (
            {"approval": {"link": "example.com"}},
            (
                "services[0].release.approval.link: must be an address that starts with "
                "'https://', got 'example.com'"
            ),
        ),
        (
            {"approval": {"message": ""}},
            "services[0].release.approval.message: must have at least 1 character, got ''",
        ),
        (
            {"approval": {"timeout_minutes": 4}},
            "services[0].release.approval.timeout_minutes: must be at least 5, got 4",
        ),
        ({"deployment_window": {}}, "services[0].release.deployment_window.cron: is missing"),
        (
            {"alarms": {"names": []}},
            "services[0].release.alarms.names: must be a list of at least 1, got 0",
        ),
        (
            {"alarms": {"names": ["a"], "wait_minutes": 0}},
            "services[0].release.alarms.wait_minutes: must be at least 1, got 0",
        ),
        (
            {"alarms": {"names": ["a"], "watch_minutes": 0}},
            "services[0].release.alarms.watch_minutes: must be at least 1, got 0",
        ),
        (
            {"alarms": {"names": ["a"], "on_alarm": "SKIP"}},
            "services[0].release.alarms.on_alarm: must be 'ROLLBACK' or 'FAIL', got 'SKIP'",
        ),
        (
            {"on_failure": "RETRY"},
            (
                "services[0].release.on_failure: must be 'RETRY_FAILED_ACTIONS', "
                "'RETRY_ALL_ACTIONS' or 'ROLLBACK', got 'RETRY'"
            ),
        ),
        (
            {"on_drift": "OFF"},
            "services[0].release.on_drift: must be 'RESTORE', 'NOTIFY' or 'IGNORE', got 'OFF'",
        ),
        (
            {"frozen": "Year's end"},
            (
                "services[0].release.frozen: must be a reason of letters, digits, spaces and "
                '! @ ( ) . * ? -, got "Year\'s end"'
            ),
        ),
    ],
)
def test_bad_settings_are_rejected_by_their_path(release: dict[str, Any], message: str) -> None:
    assert mistakes(settings(release)) == [message]


@pytest.mark.parametrize(
    ("release", "service", "message"),
    [
        (
            {"triggers": [{"tags": ["v*"], "branches": ["main"]}]},
            {},
            (
                "services[0].release.triggers[0].tags: must come without branches and file "
                "paths, got branches as well; make two triggers of it"
            ),
        ),
        (
            {"triggers": [{}]},
            {"source": {"type": "codecommit", "repository": "shop"}},
            (
                "services[0].release.triggers: must be left out with a source in CodeCommit, "
                "which starts a release by each push to its branch alone: remove it"
            ),
        ),
        (
            {"deployment_window": {"cron": "9 * * * *"}},
            {},
            (
                "services[0].release.deployment_window.cron: must have 6 or 7 fields "
                "(seconds, minutes, hours, day of month, month, day of week, year), got '9 * "
                "* * *'; write it like '* * 9-16 ? * MON-THU *'"
            ),
        ),
        (
            {"alarms": {"names": list("abcde")}, "deployment_window": {"cron": "* * * ? * *"}},
            {},
            (
                "services[0].release.alarms.names: must be at most 4 with a "
                "deployment_window, which counts as well, got 5: join some in a composite "
                "alarm"
            ),
        ),
    ],
)
def test_settings_that_do_not_go_together_are_named(
    release: dict[str, Any], service: dict[str, Any], message: str
) -> None:
    assert mistakes(settings(release, **service)) == [message]


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
    assert mistakes({"services": [{"name": "a1", "source": source, "pull_requests": {}}]}) == [
        (
            "services[0].pull_requests: must be left out with a source in CodeCommit, which does "
            "not announce pull requests to CodePipeline: remove it"
        )
    ]


def test_the_names_of_pull_requests_are_no_other_services() -> None:
    services = [
        {"name": "shop", "source": SOURCE, "pull_requests": {}},
        {"name": "shop-pull-requests", "source": SOURCE, "priority": 2, "path_pattern": "/2"},
    ]
    assert mistakes({"services": services}) == [
        (
            "services[1].name: must be unique with its build projects and pipelines, got "
            "'shop-pull-requests', which services[0] has as well: rename one"
        )
    ]
