"""Asks AWS for what an event leaves out: the commit, the failed action, its log, the tasks.

Each look-up fails softly: without it the message is shorter, and the log says why.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from slack_notifier import console, deployment_events
from slack_notifier.aws import Clients
from slack_notifier.commits import commit_of_action, commit_of_revision
from slack_notifier.history import broken_since
from slack_notifier.log import WARNING, log
from slack_notifier.notice import Notice, Outcome

_LINES = 15


class Lookups:
    """Completes notices.

    Parameters
    ----------
    clients
        Makes AWS clients.
    in_time
        Whether there is time for one more look-up: sending something comes first.
    """

    def __init__(self, clients: Clients, in_time: Callable[[], bool]) -> None:
        self._clients = clients
        self._in_time = in_time

    def complete(self, notice: Notice) -> Notice:
        """Return the notice with all that could be found.

        Parameters
        ----------
        notice
            What the event alone says.
        """
        try:
            return self._complete(notice)
        except Exception as error:  # an answer of another shape than documented
            log(WARNING, "Look-ups given up", event=notice.id, reason=f"{error!r}")
            return notice

    def _complete(self, notice: Notice) -> Notice:
        origin = notice.origin
        if origin.pipeline and origin.execution:
            notice = self._release(notice)
        if notice.outcome is not Outcome.FAILED:
            return notice
        if notice.origin.build:
            notice = self._build(notice)
        if notice.origin.deployment.startswith("d-"):
            notice = self._deployment(notice)
        # A stopped task says why itself; a deployment only that tasks have failed.
        if notice.origin.service and (origin.deployment or not origin.service):
            notice = self._service(notice)
        return notice

    def _ask(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        if not self._in_time():
            log(WARNING, "No time left for a look-up", operation=operation)
            return {}
        try:
            found = getattr(self._clients(service), operation)(**parameters)
        except Exception as error:  # whatever it is, the message goes out
            log(WARNING, "Look-up failed", operation=operation, reason=f"{error}")
            return {}
        return found if isinstance(found, Mapping) else {}

    def _release(self, notice: Notice) -> Notice:
        origin = notice.origin
        actions: Sequence[Mapping[str, Any]] = self._ask(
            "codepipeline",
            "list_action_executions",
            pipelineName=origin.pipeline,
            filter={"pipelineExecutionId": origin.execution},
        ).get("actionExecutionDetails", [])
        commit = next(filter(None, map(commit_of_action, actions)), None)
        if commit is None and notice.commit is None:
            # A rollback runs no source action; the revision names what it deploys.
            execution = self._ask(
                "codepipeline",
                "get_pipeline_execution",
                pipelineName=origin.pipeline,
                pipelineExecutionId=origin.execution,
            ).get("pipelineExecution", {})
            revisions = execution.get("artifactRevisions", [])
            commit = next(filter(None, map(commit_of_revision, revisions)), None)
        notice = replace(notice, commit=commit or notice.commit)
        if notice.outcome is Outcome.SUCCEEDED and origin.level == "pipeline":
            return self._recovery(notice, actions if origin.attempt > 1 else ())
        if notice.outcome is Outcome.FAILED:
            return _with_failed_action(notice, actions)
        return notice

    def _recovery(self, notice: Notice, actions: Sequence[Mapping[str, Any]]) -> Notice:
        executions = self._ask(
            "codepipeline",
            "list_pipeline_executions",
            pipelineName=notice.origin.pipeline,
            maxResults=100,
        ).get("pipelineExecutionSummaries", [])
        since = broken_since(executions, notice.origin.execution, actions)
        if since is None:
            return notice
        return replace(
            notice,
            outcome=Outcome.RECOVERED,
            title="Release succeeded again",
            broken_since=since,
        )

    def _build(self, notice: Notice) -> Notice:
        build_id = notice.origin.build
        builds = self._ask("codebuild", "batch_get_builds", ids=[build_id]).get("builds", [])
        links = notice.links + console.build(notice.region, notice.account, build_id)
        notice = replace(notice, links=tuple(dict.fromkeys(links)))
        if not builds:
            return notice
        phases = [
            phase
            for phase in builds[0].get("phases", [])
            if phase.get("phaseStatus", "SUCCEEDED") not in ("SUCCEEDED", "IN_PROGRESS")
        ]
        # A failed BUILD is followed by a failed POST_BUILD or UPLOAD_ARTIFACTS: the first is why.
        phase = phases[0] if phases else {}
        contexts = [
            ": ".join(filter(None, (context.get("statusCode"), context.get("message"))))
            for context in phase.get("contexts", [])
            # CodePipeline's own words have the message in them.
            if not (message := context.get("message")) or message not in notice.reason
        ]
        name = phase.get("phaseType", "")
        return replace(
            notice,
            facts=_with_fact(notice.facts, "Phase", name),
            reason=_joined(notice.reason, *contexts),
            log=self._build_log(builds[0].get("logs", {}), name),
        )

    def _build_log(self, logs: Mapping[str, Any], phase: str) -> str:
        if not (logs.get("groupName") and logs.get("streamName")):
            return ""
        events = self._ask(
            "logs",
            "get_log_events",
            logGroupName=logs["groupName"],
            logStreamName=logs["streamName"],
            startFromHead=False,
            limit=200,
        ).get("events", [])
        lines = "".join(event.get("message", "").rstrip("\n") + "\n" for event in events).split(
            "\n"
        )
        # The times of log events lag behind those of phases; CodeBuild's own marks do not.
        ends = [
            number
            for number, line in enumerate(lines)
            if re.search(rf"Phase complete: {re.escape(phase)} State:", line)
        ]
        upto = lines[: ends[-1]] if phase and ends else lines
        # The agent repeats the whole command after what it has said itself.
        repeated = [
            number
            for number, line in enumerate(upto)
            if "Command did not exit successfully" in line
        ]
        upto = upto[: repeated[-1]] if repeated else upto
        return "\n".join([line for line in upto if line.strip()][-_LINES:])

    def _deployment(self, notice: Notice) -> Notice:
        info = self._ask("codedeploy", "get_deployment", deploymentId=notice.origin.deployment).get(
            "deploymentInfo", {}
        )
        error = info.get("errorInformation", {})
        words = ": ".join(filter(None, (error.get("code"), error.get("message"))))
        return replace(
            notice,
            reason=_joined(notice.reason, words),
            links=tuple(
                dict.fromkeys(
                    notice.links + console.deployment(notice.region, notice.origin.deployment)
                )
            ),
        )

    def _service(self, notice: Notice) -> Notice:
        cluster, service = notice.origin.cluster, notice.origin.service
        services = self._ask("ecs", "describe_services", cluster=cluster, services=[service]).get(
            "services", []
        )
        events = [
            event.get("message", "")
            for event in (services[0].get("events", []) if services else ())
            # After a rollback the newest report that all is well.
            if re.search("fail|unable|unhealthy", event.get("message", ""))
        ]
        stopped = self._ask(
            "ecs",
            "list_tasks",
            cluster=cluster,
            serviceName=service,
            desiredStatus="STOPPED",
            maxResults=10,
        ).get("taskArns", [])
        tasks = (
            self._ask("ecs", "describe_tasks", cluster=cluster, tasks=stopped).get("tasks", [])
            if stopped
            else []
        )
        # Tasks of one deployment mostly end in the same way.
        reasons = dict.fromkeys(
            reason
            for task in tasks
            if task.get("stopCode") in ("TaskFailedToStart", "EssentialContainerExited")
            or "fail" in task.get("stoppedReason", "").lower()
            for reason in (
                task.get("stoppedReason", ""),
                *map(deployment_events.ending, task.get("containers", [])),
            )
            if reason
        )
        links = notice.links + console.service(notice.region, cluster, service)
        return replace(
            notice,
            reason=_joined(notice.reason, *[*reasons][:4], *events[:2]),
            links=tuple(dict.fromkeys(links)),
        )


def _with_failed_action(notice: Notice, actions: Sequence[Mapping[str, Any]]) -> Notice:
    """Say which action failed, and go on from it: to its build, service or deployment."""
    wanted = dict(notice.facts)
    failed = next(
        (
            action
            for action in actions  # newest first
            if action.get("status") == "Failed"
            and wanted.get("Stage") in (None, action.get("stageName"))
            and wanted.get("Action") in (None, action.get("actionName"))
        ),
        None,
    )
    if failed is None:
        return notice
    result = failed.get("output", {}).get("executionResult", {})
    details = result.get("errorDetails", {})
    made_by = failed.get("input", {})
    provider = made_by.get("actionTypeId", {}).get("provider")
    configuration = {
        **(made_by.get("configuration") or {}),
        **(made_by.get("resolvedConfiguration") or {}),
    }
    facts = _with_fact(notice.facts, "Stage", failed.get("stageName", ""))
    outside = result.get("externalExecutionId", "")
    return replace(
        notice,
        facts=_with_fact(facts, "Action", failed.get("actionName", "")),
        reason=_joined(
            notice.reason, details.get("message", ""), result.get("externalExecutionSummary", "")
        ),
        origin=replace(
            notice.origin,
            build=outside if provider == "CodeBuild" else "",
            deployment=outside if provider in ("CodeDeploy", "CodeDeployToECS") else "",
            cluster=configuration.get("ClusterName", "") if provider == "ECS" else "",
            service=configuration.get("ServiceName", "") if provider == "ECS" else "",
        ),
    )


def _with_fact(
    facts: tuple[tuple[str, str], ...], name: str, value: str
) -> tuple[tuple[str, str], ...]:
    return facts if not value or name in dict(facts) else (*facts, (name, value))


def _joined(*reasons: str) -> str:
    """Join reasons on lines of their own, without those that another contains."""
    kept: list[str] = []
    for reason in (reason.strip() for reason in reasons):
        if reason and not any(reason in other for other in kept):
            kept = [other for other in kept if other not in reason] + [reason]
    return "\n".join(kept)
