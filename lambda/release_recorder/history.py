"""The deployments that ECS remembers of a service, and what each was to bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from release_recorder.image import is_image

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import (
        ServiceDeploymentBriefTypeDef,
        ServiceDeploymentTypeDef,
        ServiceRevisionTypeDef,
    )

    from release_recorder.release import Release

_REVISIONS_A_CALL: Final = 20
_FAILED: Final = {
    "STOP_REQUESTED": "ECS is stopping the deployment",
    "STOPPED": "ECS stopped the deployment",
    "ROLLBACK_REQUESTED": "ECS is rolling the deployment back",
    "ROLLBACK_IN_PROGRESS": "ECS is rolling the deployment back",
    "ROLLBACK_SUCCESSFUL": "ECS rolled the deployment back",
    "ROLLBACK_FAILED": "ECS could not roll the deployment back",
}
_EVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A service deployment that brings the image of the release.

    Parameters
    ----------
    arn
        The service deployment.
    status
        Its status.
    task_definition
        The revision that it deploys.
    later
        The service deployment that was started after it, if any.
    """

    arn: str
    status: str
    task_definition: str
    later: str | None

    @property
    def has_failed(self) -> bool:
        """Whether it will not succeed any more. A state that AWS adds some day is none of these."""
        return self.status in _FAILED

    @property
    def has_succeeded(self) -> bool:
        """Whether it has become what the service runs."""
        return self.status == "SUCCESSFUL"


def newest_attempt(ecs: ECSClient, release: Release) -> Attempt | None:
    """Find the newest service deployment that brings the image.

    Parameters
    ----------
    ecs
        A client that may look at the service.
    release
        The release.

    Returns
    -------
    Attempt or None
        The deployment, or None if ECS remembers none: those before October 2024 and after 90 days,
        and those of controllers other than ECS.
    """
    briefs = sorted(
        _service_deployments(ecs, release),
        key=lambda brief: brief.get("createdAt", _EVER),
        reverse=True,
    )
    later = None
    for start in range(0, len(briefs), _REVISIONS_A_CALL):
        some = briefs[start : start + _REVISIONS_A_CALL]
        wanted = {brief["targetServiceRevisionArn"] for brief in some}
        answer = ecs.describe_service_revisions(serviceRevisionArns=sorted(wanted))
        revisions = {found["serviceRevisionArn"]: found for found in answer["serviceRevisions"]}
        for brief in some:
            revision = revisions.get(brief["targetServiceRevisionArn"])
            if revision is not None and _brings(revision, release):
                return Attempt(
                    brief["serviceDeploymentArn"],
                    brief["status"],
                    revision["taskDefinition"],
                    later,
                )
            later = brief["serviceDeploymentArn"]
    return None


def why(ecs: ECSClient, attempt: Attempt) -> str:
    """Return why a deployment failed, in the words of ECS.

    Parameters
    ----------
    ecs
        A client that may look at the service.
    attempt
        A deployment that has failed.

    Returns
    -------
    str
        Its state, and each reason that ECS gives.
    """
    reasons = [_FAILED[attempt.status]]
    if attempt.later is not None and attempt.status in ("STOP_REQUESTED", "STOPPED"):
        reasons.append(f"replaced by a later one, {attempt.later}")
    reasons += _reasons(_details(ecs, attempt))
    return ": ".join([reasons[0], "; ".join(dict.fromkeys(reasons[1:]))]).removesuffix(": ")


def progress(ecs: ECSClient, attempt: Attempt) -> str:
    """Return how far a deployment is.

    Parameters
    ----------
    ecs
        A client that may look at the service.
    attempt
        A deployment that is under way.

    Returns
    -------
    str
        What is waited for.
    """
    details = _details(ecs, attempt)
    parts = [attempt.status]
    if stage := details.get("lifecycleStage"):
        parts.append(f"stage {stage}")
    parts += [
        f"hook {hook.get('targetArn') or hook.get('hookId', '')} {hook['status']}"
        for hook in details.get("lifecycleHookDetails", [])
        if hook.get("status") in ("AWAITING_ACTION", "IN_PROGRESS")
    ]
    return f"the deployment {attempt.arn} to complete ({', '.join(parts)})"


def _service_deployments(
    ecs: ECSClient, release: Release
) -> Iterator[ServiceDeploymentBriefTypeDef]:
    page = ecs.list_service_deployments(
        cluster=release.cluster, service=release.service, maxResults=100
    )
    yield from page["serviceDeployments"]
    while token := page.get("nextToken"):
        page = ecs.list_service_deployments(
            cluster=release.cluster, service=release.service, maxResults=100, nextToken=token
        )
        yield from page["serviceDeployments"]


def _brings(revision: ServiceRevisionTypeDef, release: Release) -> bool:
    return any(
        is_image(release.image, image.get("image", ""), image.get("imageDigest"))
        for image in revision.get("containerImages", [])
        if image.get("containerName") == release.container
    )


def _details(ecs: ECSClient, attempt: Attempt) -> ServiceDeploymentTypeDef:
    answer = ecs.describe_service_deployments(serviceDeploymentArns=[attempt.arn])
    for details in answer["serviceDeployments"]:
        return details
    return {}


def _reasons(details: ServiceDeploymentTypeDef) -> list[str]:
    reasons = [details.get("rollback", {}).get("reason"), details.get("statusReason")]
    breaker = details.get("deploymentCircuitBreaker", {})
    if breaker.get("status") == "TRIGGERED":
        reasons.append(
            f"the circuit breaker counted {breaker.get('failureCount', 0)} failed tasks of "
            f"{breaker.get('threshold', 0)} allowed"
        )
    alarms = details.get("alarms", {})
    if alarms.get("status") == "TRIGGERED":
        names = alarms.get("triggeredAlarmNames") or alarms.get("alarmNames", [])
        reasons.append(f"alarms in state ALARM: {', '.join(names)}")
    reasons += [
        f"the hook {hook.get('targetArn') or hook.get('hookId', '')} ended {hook['status']}"
        for hook in details.get("lifecycleHookDetails", [])
        if hook.get("status") in ("FAILED", "TIMED_OUT")
    ]
    return [reason.rstrip(".") for reason in reasons if reason]
