"""Each rule matches the events that AWS documents for its own resources, and no other."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from container_pipelines import (
    DEFAULT_EVENTS,
    AlertTopic,
    ChatApplication,
    EventKind,
    NotifyOn,
    PipelineAlarms,
    SlackNotifier,
)

Watch = Callable[..., PipelineAlarms]
Resources = Callable[[str], dict[str, dict[str, Any]]]
Event = Callable[[str], dict[str, Any]]
Matches = Callable[[dict[str, Any], dict[str, Any]], bool]
Rules = Callable[[], dict[str, dict[str, Any]]]

KIND_OF = {
    "pipeline-failed": "releases",
    "pipeline-succeeded": "releases",  # for recoveries, and to measure
    "pipeline-started": None,
    "pipeline-superseded": None,
    "stage-failed": "stages",
    "action-failed": "actions",
    "approval-needed": "approvals",
    "codebuild-failed": "builds",
    "codedeploy-failed": "code deploy",
    "codedeploy-ready": "code deploy",
    "ecs-deployment-failed": "deployments",
    "ecs-deployment-rolled-back": "deployments",
    "ecs-deployment-completed": None,
    "image-drift": "deployments",
    "image-drift-over": "deployments",
    "ecs-task-cannot-pull": "tasks",
    "ecs-task-out-of-memory": "tasks",
    "ecs-task-unhealthy": "tasks",
    "ecs-task-replaced": None,
    "ecr-scan-critical": "scans",
    "ecr-scan-failed": "scans",
    "inspector-scan": "scans",
    "unknown": None,
    "alarm": None,
}


@pytest.fixture
def rules(resources: Resources) -> Rules:
    """The rules by their kind of event, which their description ends with."""
    return lambda: {
        rule["Description"].rpartition(": ")[2]: rule
        for rule in resources("AWS::Events::Rule").values()
    }


def matching(
    rules: dict[str, dict[str, Any]], event: dict[str, Any], matches: Matches
) -> list[str]:
    return [name for name, rule in rules.items() if matches(rule["EventPattern"], event)]


def test_documented_events_reach_the_notifier_once(
    watch: Watch, notifier: SlackNotifier, rules: Rules, event: Event, matches: Matches
) -> None:
    watch(notifications=[notifier], events=list(EventKind))
    made = rules()
    for name, kind in KIND_OF.items():
        assert matching(made, event(name), matches) == ([kind] if kind else []), name


@pytest.mark.parametrize(
    ("mine", "other", "kinds"),
    [
        ('"my-container-app"', '"my-container-app-2"', "releases stages actions approvals builds"),
        ("service/my-cluster/my-service", "service/other/my-service", "deployments"),
        ("service/my-cluster/my-service", "service/my-cluster/my-service-2", "deployments"),
        ("111122223333:service", "444455556666:service", "deployments"),
        ("service:my-service", "service:my-service-2", "tasks"),
        ("cluster/my-cluster", "cluster/other", "tasks"),
        ('"my-application"', '"other"', "code deploy"),
        ('"my-group"', '"other"', "code deploy"),
        ("team/my-container-app", "other/my-container-app", "scans"),
    ],
)
def test_the_same_events_of_other_resources_reach_nobody(
    watch: Watch,
    notifier: SlackNotifier,
    rules: Rules,
    event: Event,
    matches: Matches,
    mine: str,
    other: str,
    kinds: str,
) -> None:
    watch(notifications=[notifier], events=list(EventKind))
    made = rules()
    matched = [name for name, kind in KIND_OF.items() if kind and kind in kinds]
    assert matched
    for name in matched:
        text = json.dumps(event(name))
        assert mine in text, name
        assert matching(made, json.loads(text.replace(mine, other)), matches) == [], name


@pytest.mark.parametrize(
    ("notify_on", "sent"),
    [
        (NotifyOn.FAILED, ["image-drift"]),
        (NotifyOn.RECOVERED, ["image-drift-over"]),
        (NotifyOn.STARTED, []),
    ],
)
def test_the_chat_application_gets_drifts_in_its_form_for_events_of_others(
    watch: Watch,
    stack: Any,
    rules: Rules,
    event: Event,
    matches: Matches,
    notify_on: NotifyOn,
    sent: list[str],
) -> None:
    chat = ChatApplication(
        stack,
        "Chat",
        configuration_name="team",
        slack_workspace_id="T0123456789",
        slack_channel_id="C0123456789",
        notify_on=[notify_on],
    )
    watch(notifications=[chat])
    made = {name: rule for name, rule in rules().items() if name == "drifts"}
    assert [name for name in KIND_OF if matching(made, event(name), matches)] == sent
    for rule in made.values():
        (target,) = rule["Targets"]
        transformer = target["InputTransformer"]
        assert transformer["InputPathsMap"] == {"detail-reason": "$.detail.reason"}
        assert json.loads(transformer["InputTemplate"].replace("<detail-reason>", '"why"')) == {
            "version": "1.0",
            "source": "custom",
            "content": {"title": "Image drift", "description": "why"},
        }


def test_stages_actions_and_builds_need_to_be_asked_for(
    watch: Watch, notifier: SlackNotifier, rules: Rules
) -> None:
    watch(notifications=[notifier])
    assert set(rules()) == {kind.replace("_", " ") for kind in DEFAULT_EVENTS} | {"alarms"}


def test_started_and_succeeded_on_request(
    watch: Watch, stack: Any, rules: Rules, event: Event, matches: Matches
) -> None:
    topic = AlertTopic(stack, "Mail", notify_on=[NotifyOn.STARTED, NotifyOn.SUCCEEDED])
    watch(notifications=[topic], events=list(EventKind))
    made = rules()
    assert matching(made, event("pipeline-started"), matches) == ["releases"]
    assert matching(made, event("pipeline-succeeded"), matches) == ["releases"]
    assert matching(made, event("ecs-deployment-completed"), matches) == ["deployments"]
    assert matching(made, event("ecs-deployment-failed"), matches) == []
    # One that rolls back is in progress as well, and has the same state.
    assert matching(made, event("ecs-deployment-rolled-back"), matches) == ["deployments"]
    assert matching(made, event("pipeline-failed"), matches) == []


def test_a_topic_gets_no_successes_by_default(
    watch: Watch, stack: Any, rules: Rules, event: Event, matches: Matches
) -> None:
    watch(notifications=[AlertTopic(stack, "Mail")])
    assert matching(rules(), event("pipeline-succeeded"), matches) == []
    assert matching(rules(), event("pipeline-failed"), matches) == ["releases"]


def test_a_task_matches_when_it_has_stopped_and_not_before(
    watch: Watch, notifier: SlackNotifier, rules: Rules, event: Event, matches: Matches
) -> None:
    watch(notifications=[notifier])
    made = rules()
    for status, expected in (("DEPROVISIONING", []), ("STOPPED", ["tasks"])):
        task = event("ecs-task-cannot-pull")
        task["detail"]["lastStatus"] = status
        assert matching(made, task, matches) == expected


def test_a_rejected_approval_is_a_failure(
    watch: Watch, notifier: SlackNotifier, rules: Rules, event: Event, matches: Matches
) -> None:
    watch(notifications=[notifier], events=list(EventKind))
    rejected = event("approval-needed")
    rejected["detail"]["state"] = "FAILED"
    assert matching(rules(), rejected, matches) == ["approvals"]


def test_a_harmless_scan_does_not_match(
    watch: Watch, notifier: SlackNotifier, rules: Rules, event: Event, matches: Matches
) -> None:
    watch(notifications=[notifier])
    for name in ("ecr-scan-critical", "inspector-scan"):
        scan = event(name)
        scan["detail"]["finding-severity-counts"] = {"HIGH": 0, "MEDIUM": 9}
        assert matching(rules(), scan, matches) == []
        scan["detail"]["finding-severity-counts"] = {"HIGH": 1}
        assert matching(rules(), scan, matches) == ["scans"]


def test_alarms_reach_the_notifier_by_their_names(
    watch: Watch, notifier: SlackNotifier, rules: Rules, event: Event, matches: Matches
) -> None:
    watch(notifications=[notifier])
    alarm = event("alarm")
    for name, expected in (
        ("web-server-errors", ["alarms"]),
        ("web-unhealthy-targets-2", ["alarms"]),
        ("web-2-server-errors", []),
        ("web-failed-releases", []),  # the pipeline's event says it
    ):
        alarm["detail"]["alarmName"] = name
        assert matching(rules(), alarm, matches) == expected, name


def test_what_is_not_monitored_has_no_rule(
    watch: Watch, notifier: SlackNotifier, rules: Rules
) -> None:
    watch(
        notifications=[notifier],
        events=list(EventKind),
        build=None,
        service=None,
        target_groups=(),
        repository=None,
        deployment_group=None,
    )
    assert set(rules()) == {"releases", "stages", "actions", "approvals", "alarms"}


def test_mail_gets_a_text_for_each_kind(watch: Watch, stack: Any, resources: Resources) -> None:
    watch(notifications=[AlertTopic(stack, "Mail")], events=list(EventKind))
    made = resources("AWS::Events::Rule")
    assert len(made) == len(EventKind)
    for rule in made.values():
        (target,) = rule["Targets"]
        transformer = target["InputTransformer"]
        for field in transformer["InputPathsMap"]:
            assert f"<{field}>" in transformer["InputTemplate"]
        assert len(transformer["InputTemplate"].splitlines()) >= 3


@pytest.mark.parametrize("events", [["release"], [EventKind.SCANS, ""]])
def test_events_that_are_none_are_refused(watch: Watch, events: list[str]) -> None:
    with pytest.raises(
        ValueError, match=r"'events\[\d\]' must be one of EventKind.RELEASES, .*string '"
    ):
        watch(events=events)
