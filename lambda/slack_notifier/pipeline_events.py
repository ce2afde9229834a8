"""Events of CodePipeline and CodeBuild."""

from collections.abc import Callable, Mapping

from slack_notifier import console
from slack_notifier.event import Event, after, mappings, moment, text
from slack_notifier.notice import Commit, Notice, Origin, Outcome

# docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
_PIPELINE_STATES = {
    "STARTED": (Outcome.STARTED, "started"),
    "RESUMED": (Outcome.STARTED, "resumed"),
    "SUCCEEDED": (Outcome.SUCCEEDED, "succeeded"),
    "FAILED": (Outcome.FAILED, "failed"),
    "CANCELED": (Outcome.STOPPED, "cancelled"),
    "STOPPING": (Outcome.STOPPED, "is being stopped"),
    "STOPPED": (Outcome.STOPPED, "stopped"),
    "SUPERSEDED": (Outcome.STOPPED, "superseded by a newer release"),
    "ABANDONED": (Outcome.STOPPED, "abandoned"),
}


def pipeline(level: str) -> Callable[[Event], Notice | None]:
    """Make the reader of state changes of a ``pipeline``, a ``stage`` or an ``action``."""

    def read(event: Event) -> Notice | None:
        pipeline = event.get("pipeline")
        state = _PIPELINE_STATES.get(event.get("state"))
        if not (pipeline and state):
            return None
        outcome, words = state
        stage, action = event.get("stage"), event.get("action")
        what = {"pipeline": "Release", "stage": f"Stage {stage}", "action": f"Action {action}"}
        title = f"{what[level]} {words}"
        if level == "action" and event.get("type", "category") == "Approval":
            if outcome is Outcome.STARTED:
                outcome, title = Outcome.APPROVAL, "Release is waiting for approval"
            elif outcome is Outcome.FAILED:
                title = f"Approval {action} rejected or expired"
        attempt = event.get("pipeline-execution-attempt")
        return event.notice(
            outcome,
            pipeline,
            title,
            facts=[("Stage", stage), ("Action", action)],
            reason=_action_reason(event),
            commit=_trigger_commit(event),
            links=console.pipeline(event.region, pipeline, event.get("execution-id")),
            origin=Origin(
                pipeline=pipeline,
                execution=event.get("execution-id"),
                attempt=int(attempt.partition(".")[0]) if attempt[:1].isdecimal() else 1,
                level=level,
                started=moment(event.detail.get("start-time")),
                build=event.get("execution-result", "external-execution-id")
                if event.get("type", "provider") == "CodeBuild"
                else "",
            ),
        )

    return read


def _action_reason(event: Event) -> str:
    if event.get("state") != "FAILED":
        return ""
    summary = event.get("execution-result", "external-execution-summary")
    code = event.get("execution-result", "error-code")
    return f"{summary} ({code})" if summary and code else summary or code


def _trigger_commit(event: Event) -> Commit | None:
    trigger = event.detail.get("execution-trigger")
    if not isinstance(trigger, Mapping) or not text(trigger, "commit-id"):
        return None
    return Commit(
        id=text(trigger, "commit-id"),
        message=text(trigger, "commit-message"),
        author=text(trigger, "author-display-name"),
        branch=text(trigger, "branch-name") or text(trigger, "tag-name"),
        date=moment(trigger.get("author-date")),
    )


# CodeBuild: docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html
def codebuild(event: Event) -> Notice | None:
    """Read the state change of a build."""
    state = {
        "IN_PROGRESS": (Outcome.STARTED, "Build started"),
        "SUCCEEDED": (Outcome.SUCCEEDED, "Build succeeded"),
        "FAILED": (Outcome.FAILED, "Build failed"),
        "FAULT": (Outcome.FAILED, "Build failed with an internal CodeBuild error"),
        "TIMED_OUT": (Outcome.FAILED, "Build timed out"),
        "STOPPED": (Outcome.STOPPED, "Build stopped"),
    }.get(event.get("build-status"))
    project = event.get("project-name")
    if not (state and project):
        return None
    build_id = after(event.get("build-id"), ":build/")
    information = event.detail.get("additional-information")
    phases = information.get("phases") if isinstance(information, Mapping) else None
    broken = [
        phase
        for phase in mappings(phases)
        if text(phase, "phase-status") not in ("", "SUCCEEDED", "IN_PROGRESS")
    ]
    initiator = text(event.detail, "additional-information", "initiator")
    contexts = broken[0].get("phase-context") if broken else None
    return event.notice(
        *(state[0], project, state[1]),
        facts=[
            ("Phase", text(broken[0], "phase-type") if broken else ""),
            ("Started by", initiator),
        ],
        # ": " is what CodeBuild writes into a context without a code and a message.
        reason="\n".join(
            context
            for context in (contexts if isinstance(contexts, list) else [])
            if isinstance(context, str) and context.strip(": ")
        ),
        links=console.build(event.region, event.account, build_id),
        origin=Origin(build=build_id),
    )
