"""What AWS refuses in the declaration of a pipeline, and the expressions of deployment windows."""

import datetime as dt
from typing import Any

import pytest

from local.emulator.pipelines.rules.cron import Cron
from tests.local.emulator.delivery import action, approval, pipeline_template, source
from tests.local.emulator.driver import Emulator
from tests.local.emulator.pipeline import condition, gate, rule

OK = rule(
    "VariableCheck", {"Variable": "#{SourceVariables.CommitId}", "Value": "a", "Operator": "EQ"}
)
WINDOW = rule("DeploymentWindow", {"Cron": "* * 9-17 ? * MON-FRI"})


def named(count: int) -> list[Any]:
    return [{**OK, "Name": f"Rule{number}"} for number in range(count)]


def window(**configuration: str) -> dict[str, Any]:
    return {"BeforeEntry": condition("FAIL", rule("DeploymentWindow", configuration))}


def alarm(**configuration: str) -> dict[str, Any]:
    return {"OnSuccess": condition("FAIL", rule("CloudWatchAlarm", configuration))}


def refusal(emulator: Emulator, stage: dict[str, Any], **properties: Any) -> str:
    """Return why a pipeline with this second stage is refused."""
    first = {"Name": "Source", "Actions": [source("org/x")], **properties.pop("Source", {})}
    template = pipeline_template({}, Stages=[first, stage], **properties)
    name = emulator.new_name("wrong")
    assert emulator.deploy_anyhow(template, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    return str(emulator.reasons(name))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"BeforeEntry": condition("ROLLBACK", OK)}, "must be one of FAIL, SKIP, not 'ROLLBACK'"),
        ({"BeforeEntry": condition("RETRY", OK)}, "must be one of FAIL, SKIP, not 'RETRY'"),
        ({"OnSuccess": condition("SKIP", OK)}, "must be one of FAIL, ROLLBACK, not 'SKIP'"),
        ({"OnFailure": {"Result": "IGNORE"}}, "not 'IGNORE'"),
        ({"OnFailure": {}}, "must be a result or a condition"),
        ({"BeforeEntry": {"Conditions": []}}, "must be a condition"),
        (
            {"OnFailure": {"Result": "RETRY", **condition("ROLLBACK", OK)}},
            "RETRY cannot be used with conditions",
        ),
        ({"OnFailure": condition("RETRY", OK)}, "RETRY cannot be used with conditions"),
        (
            {"OnFailure": {"Result": "FAIL", "RetryConfiguration": {"RetryMode": "ALL_ACTIONS"}}},
            "needs the result RETRY",
        ),
        (
            {"OnFailure": {"Result": "RETRY", "RetryConfiguration": {"RetryMode": "SOME"}}},
            "FAILED_ACTIONS, ALL_ACTIONS, not 'SOME'",
        ),
        ({"BeforeEntry": condition("FAIL", *named(6))}, "1 to 5 rules, not 6"),
        ({"BeforeEntry": condition("FAIL")}, "1 to 5 rules, not 0"),
        ({"BeforeEntry": condition("FAIL", OK, OK)}, "'VariableCheck' is not"),
        ({"BeforeEntry": condition("SKIP", WINDOW)}, "LambdaInvoke, VariableCheck, not Deployment"),
        (
            {"BeforeEntry": condition("FAIL", rule("Commands", {}, Commands=["ls"]))},
            "Provider: 'Commands', Owner: 'AWS') in rule 'Commands' is not available",
        ),
        ({"BeforeEntry": condition("FAIL", rule("Imagined", {}))}, "Provider: 'Imagined'"),
        ({"BeforeEntry": condition("FAIL", rule("VariableCheck", {}))}, "'Variable'"),
        (
            {
                "BeforeEntry": condition(
                    "FAIL",
                    rule("VariableCheck", {"Variable": "a", "Value": "b", "Operator": "GT"}),
                )
            },
            "EQ, NE, CONTAINS, MATCHES, not 'GT'",
        ),
        (
            {"BeforeEntry": condition("FAIL", {**WINDOW, "InputArtifacts": [{"Name": "Source"}]})},
            "1 inputArtifacts",
        ),
        (
            {
                "BeforeEntry": condition(
                    "FAIL",
                    rule("LambdaInvoke", {"FunctionName": "f"}, InputArtifacts=[{"Name": "No"}]),
                )
            },
            "Input Artifact Bundle No in rule LambdaInvoke",
        ),
        ({"BeforeEntry": condition("FAIL", {**WINDOW, "TimeoutInMinutes": 4})}, "5 to 86400"),
        (window(Cron="* * *"), "6 or 7 fields"),
        (window(Cron="* 60 * ? * *"), "The minutes of '* 60 * ? * *': '60' is not from 0 to 59"),
        (window(Cron="* * * ? * *", TimeZone="Mars/Olympus"), "TimeZone must be like"),
        (window(Cron="* * * ? * *", Zone="UTC"), "unknown configuration 'Zone'"),
        (alarm(AlarmName="a", AlarmStates="ALARM,RED"), "not RED"),
        (alarm(AlarmName="a", WaitTime="soon"), "whole number of minutes"),
        (alarm(), "'AlarmName'"),
        (
            {
                "BeforeEntry": condition(
                    "FAIL",
                    rule(
                        "VariableCheck",
                        {"Variable": "#{No.x}", "Value": "b", "Operator": "EQ"},
                    ),
                )
            },
            "Rule 'VariableCheck' uses the variable #{No.x}",
        ),
    ],
)
def test_wrong_conditions_are_refused(
    emulator: Emulator, declared: dict[str, Any], message: str
) -> None:
    assert message in refusal(emulator, gate(**declared))


@pytest.mark.parametrize(
    ("declared", "properties", "message"),
    [
        ({"OnFailure": {"Result": "ROLLBACK"}}, {"ExecutionMode": "PARALLEL"}, "PARALLEL mode"),
        (
            {"OnSuccess": condition("ROLLBACK", OK)},
            {"ExecutionMode": "PARALLEL"},
            "PARALLEL mode",
        ),
        ({"OnFailure": {"Result": "RETRY"}}, {"PipelineType": "V1"}, "only available for V2"),
        ({}, {"Source": {"OnFailure": {"Result": "ROLLBACK"}}}, "a source stage cannot"),
        ({}, {"Variables": [{"Name": "a b"}]}, "not 'a b'"),
        ({}, {"Variables": [{"Name": "a"}, {"Name": "a"}]}, "'a' is not"),
        ({}, {"Variables": [{"Name": "a", "DefaultValue": ""}]}, "1 to 1000 characters"),
        ({}, {"Variables": [{"Name": "a", "Description": "x" * 201}]}, "200 characters"),
        ({}, {"Variables": [{"Name": f"v{n}"} for n in range(51)]}, "50 variables, not 51"),
    ],
)
def test_wrong_combinations_are_refused(
    emulator: Emulator, declared: dict[str, Any], properties: dict[str, Any], message: str
) -> None:
    assert message in refusal(emulator, gate(**declared), **properties)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (approval() | {"TimeoutInMinutes": 4}, "5 to 86400, not 4"),
        (approval() | {"Configuration": {"Comment": "x"}}, "unknown configuration 'Comment'"),
        (
            action("Invoke", "Lambda", {"FunctionName": "f"}, TimeoutInMinutes=10),
            "only manual approvals",
        ),
        (action("Rule", "VariableCheck", {}), "is not available"),
    ],
)
def test_wrong_actions_are_refused(
    emulator: Emulator, second: dict[str, Any], message: str
) -> None:
    assert message in refusal(emulator, {"Name": "Two", "Actions": [second]})


MAIN = {"Branches": {"Includes": ["main"]}}


@pytest.mark.parametrize(
    ("git", "message"),
    [
        ({"SourceActionName": "Nowhere"}, "no such action"),
        ({"Push": []}, "1 to 3 push filters, not 0"),
        ({"Push": [MAIN] * 4}, "1 to 3 push filters, not 4"),
        ({"PullRequest": [MAIN] * 4}, "1 to 3 pullRequest filters, not 4"),
        ({"Push": [{"Tags": {"Includes": ["v*"]}, **MAIN}]}, "tags cannot be combined"),
        ({"Push": [{"FilePaths": {"Includes": ["a"]}}]}, "only taken along with branches"),
        ({"Push": [{}]}, "must name tags or branches"),
        ({"Push": [{"Branches": {}}]}, "must have includes or excludes"),
        ({"Push": [{"Branches": {"Includes": ["x"] * 9}}]}, "1 to 8 patterns, not 9"),
        ({"Push": [{"Branches": {"Excludes": ["x" * 256]}}]}, "1 to 255 characters, not 256"),
        ({"Push": [{"Branches": {"Includes": ["{a"]}}]}, "is no glob pattern"),
        ({"Push": [{**MAIN, "Events": ["OPEN"]}]}, "cannot have 'events'"),
        ({"PullRequest": [{"Tags": {"Includes": ["v"]}}]}, "cannot have 'tags'"),
        ({"PullRequest": [{**MAIN, "Events": ["MERGED"]}]}, "OPEN, UPDATED, CLOSED"),
        ({"PullRequest": [{**MAIN, "Events": ["OPEN", "OPEN"]}]}, "each once"),
    ],
)
def test_wrong_triggers_are_refused(emulator: Emulator, git: dict[str, Any], message: str) -> None:
    trigger = {
        "ProviderType": "CodeStarSourceConnection",
        "GitConfiguration": {"SourceActionName": "Source", **git},
    }
    assert message in refusal(emulator, gate(), Triggers=[trigger])


def test_an_action_has_one_trigger_of_a_known_provider(emulator: Emulator) -> None:
    git = {"SourceActionName": "Source", "Push": [MAIN]}
    trigger = {"ProviderType": "CodeStarSourceConnection", "GitConfiguration": git}
    assert "one trigger for an action" in refusal(emulator, gate(), Triggers=[trigger, trigger])
    odd = {**trigger, "ProviderType": "Mail"}
    assert "not 'Mail'" in refusal(emulator, gate(), Triggers=[odd])


@pytest.mark.parametrize(
    ("expression", "moment", "does"),
    [
        ("* * 9-17 ? * MON-FRI *", "2026-11-23 09:00", True),  # a Monday
        ("* * 9-17 ? * MON-FRI *", "2026-11-23 17:59", True),
        ("* * 9-17 ? * MON-FRI *", "2026-11-23 18:00", False),
        ("* * 9-17 ? * MON-FRI *", "2026-11-22 12:00", False),
        ("0 0 9-17 ? * MON-FRI *", "2026-11-23 09:01", False),
        ("0 0/15 * ? * *", "2026-11-23 09:45", True),
        ("0 5/15 * ? * *", "2026-11-23 09:45", False),
        ("0 5/15 * ? * *", "2026-11-23 09:50", True),
        ("0 */20 * ? * *", "2026-11-23 09:40", True),
        ("0 0,30 9,10 ? * *", "2026-11-23 10:30", True),
        ("* * * ? jan,nov *", "2026-11-23 10:30", True),
        ("* * * ? 1-10 *", "2026-11-23 10:30", False),
        ("* * * ? * 2", "2026-11-23 10:30", True),
        ("* * * ? * FRI-MON", "2026-11-23 10:30", True),
        ("* * * ? * FRI-MON", "2026-11-24 10:30", False),
        ("* * 22-2 ? * *", "2026-11-23 01:30", True),
        ("* * 22-2 ? * *", "2026-11-23 03:30", False),
        ("* * * L * ?", "2026-11-30 00:00", True),
        ("* * * L-3 * ?", "2026-11-27 00:00", True),
        ("* * * L * ?", "2027-02-28 00:00", True),
        ("* * * LW * ?", "2026-05-29 00:00", True),  # the 31st is a Sunday
        ("* * * LW * ?", "2026-05-31 00:00", False),
        ("* * * 15W * ?", "2026-08-14 00:00", True),  # the 15th is a Saturday
        ("* * * 15W * ?", "2026-11-16 00:00", True),  # the 15th is a Sunday
        ("* * * 1W * ?", "2026-08-03 00:00", True),  # the 1st is a Saturday
        ("* * * 31W * ?", "2026-05-29 00:00", True),  # the 31st is a Sunday
        ("* * * 31W * ?", "2026-06-30 00:00", False),
        ("* * * ? * L", "2026-11-28 00:00", True),
        ("* * * ? * 6L", "2026-11-27 00:00", True),
        ("* * * ? * FRIL", "2026-11-20 00:00", False),
        ("* * * ? * 6#3", "2026-11-20 00:00", True),
        ("* * * ? * 6#3", "2026-11-13 00:00", False),
        ("* * * ? * * 2026-2027", "2026-11-23 00:00", True),
        ("* * * ? * * 2027", "2026-11-23 00:00", False),
    ],
)
def test_cron_expressions(expression: str, moment: str, does: bool) -> None:
    assert Cron(expression).matches(dt.datetime.fromisoformat(moment)) is does


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * ? *",
        "* * * ? * * * *",
        "*/5 * * ? * *",
        "* 60 * ? * *",
        "* * 24 ? * *",
        "* * * 32 * ?",
        "* * * 0W * ?",
        "* * * ? 13 *",
        "* * * ? * 8",
        "* * * ? * MON#6",
        "* * * ? * MONL2",
        "* 1/0 * ? * *",
        "* *-5 * ? * *",
        "* 1- * ? * *",
        "* * * ? * * 1969",
    ],
)
def test_broken_cron_expressions(expression: str) -> None:
    with pytest.raises(ValueError, match=r"cron expression|must be|The .* of "):
        Cron(expression)
