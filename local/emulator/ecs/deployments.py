"""Deployments of a service: their states and events.

A deployment is what DescribeServices shows; with each goes a service deployment (see
`local.emulator.ecs.history`). The rules of the circuit breaker are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html, the
events those of https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html.

A failed deployment stays in the list until the next one starts; AWS does not say how long it does.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from ministack.services import ecs

from local.emulator.ecs import history
from local.emulator.ecs.outbox import Outbox

Service: TypeAlias = dict[str, Any]
Deployment: TypeAlias = dict[str, Any]

_MOST_MESSAGES: Final = 100
_LEAST_FAILURES, _MOST_FAILURES = 3, 200
_BREAKER: Final = "ECS deployment circuit breaker"
_NAMES: Final = {
    "IN_PROGRESS": ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
    "COMPLETED": ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
    "FAILED": ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
}


def primary_of(service: Service) -> Deployment:
    """Return the deployment that a service is brought to."""
    found: Deployment = next(d for d in service["deployments"] if d["status"] == "PRIMARY")
    return found


def say(service: Service, message: str, deployment: Deployment | None = None) -> None:
    """Add to the messages of a service."""
    about = f" (deployment {deployment['id']})" if deployment else ""
    entry = {
        "id": ecs.new_uuid(),
        "createdAt": ecs._iso(),
        "message": f"(service {service['serviceName']}){about} {message}",
    }
    service["events"] = [entry, *service["events"]][:_MOST_MESSAGES]


def breaker_of(service: Service) -> Mapping[str, Any]:
    """Return the settings of a service's circuit breaker."""
    found: Mapping[str, Any] = (service.get("deploymentConfiguration") or {}).get(
        "deploymentCircuitBreaker"
    ) or {"enable": False, "rollback": False}
    return found


def threshold(service: Service) -> int:
    """Return how many failed tasks a deployment is failed by.

    Half of the desired count, rounded up, but at least 3 and at most 200; or what the service's
    ``thresholdConfiguration`` says:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ThresholdConfiguration.html.
    """
    configured = breaker_of(service).get("thresholdConfiguration") or {}
    kind, value = configured.get("type", "BOUNDED_PERCENT"), int(configured.get("value", 50))
    if kind == "COUNT":
        return max(1, value)
    failures: int = math.ceil(value * service["desiredCount"] / 100)
    if kind == "UNBOUNDED_PERCENT":
        return max(1, failures)
    return min(_MOST_FAILURES, max(_LEAST_FAILURES, failures))


def begin(service: Service, deployment: Deployment, outbox: Outbox) -> None:
    """Start a deployment that the service has just been given."""
    before = next(
        (d for d in service["deployments"] if d is not deployment and d.get("_revision")), None
    )
    for other in service["deployments"]:
        if other is not deployment and other["rolloutState"] == "IN_PROGRESS":
            history.supersede(other)
    history.begin(service, deployment, before, breaker_of(service), threshold(service))
    service["deployments"] = [
        d for d in service["deployments"] if d is deployment or d["rolloutState"] != "FAILED"
    ]
    reason = f"ECS deployment {deployment['id']} in progress."
    _set(service, deployment, "IN_PROGRESS", reason, outbox)


def complete(service: Service, deployment: Deployment, outbox: Outbox) -> None:
    """Note that a deployment has reached a steady state: it is what a rollback goes back to."""
    reason = f"ECS deployment {deployment['id']} completed."
    _set(service, deployment, "COMPLETED", reason, outbox)
    say(service, "deployment completed.", deployment)
    say(service, "has reached a steady state.")
    service["deployments"] = [
        d for d in service["deployments"] if d is deployment or d["rolloutState"] == "FAILED"
    ]
    history.complete(deployment)


def count_failure(service: Service, deployment: Deployment, outbox: Outbox) -> None:
    """Count a failed task; with the last one that is allowed the deployment fails."""
    deployment["failedTasks"] += 1
    deployment["updatedAt"] = ecs._iso()
    history.count(deployment)
    breaker = breaker_of(service)
    if breaker.get("enable") and deployment["failedTasks"] >= threshold(service):
        if "_side" in deployment:  # its shift goes back, traffic first
            deployment.setdefault("_back", "the circuit breaker threshold was exceeded")
            history.trip(deployment)
        else:
            _fail(service, deployment, bool(breaker.get("rollback")), outbox)


def give_up(service: Service, deployment: Deployment, reason: str, outbox: Outbox) -> None:
    """Fail a deployment that has nothing to go back to."""
    deployment["desiredCount"] = 0
    _set(service, deployment, "FAILED", reason, outbox)
    say(service, "deployment failed.", deployment)


def go_back(
    service: Service, failed: Deployment, target: Deployment, reason: str, outbox: Outbox
) -> None:
    """Fail a deployment, and bring the service back to an earlier one."""
    give_up(service, failed, reason, outbox)
    _roll_back(service, failed, target, f"ECS deployment rolling back: {reason}", outbox)


def note_healthy(service: Service, deployment: Deployment) -> None:
    """Note a healthy task: by default it makes the circuit breaker count anew."""
    if deployment["failedTasks"] and breaker_of(service).get("resetOnHealthyTask", True):
        deployment["failedTasks"] = 0
        history.count(deployment)


def _fail(service: Service, deployment: Deployment, roll_back: bool, outbox: Outbox) -> None:
    reason = f"{_BREAKER}: tasks failed to start."
    deployment["desiredCount"] = 0
    _set(service, deployment, "FAILED", reason, outbox)
    say(service, "deployment failed: tasks failed to start.", deployment)
    target = next(
        (
            d
            for d in service["deployments"]
            if d is not deployment and d["rolloutState"] == "COMPLETED"
        ),
        None,
    )
    history.fail(deployment, target if roll_back else None, roll_back=roll_back)
    if roll_back and target is not None:
        reason = f"{_BREAKER}: rolling back to deploymentId {target['id']}."
        _roll_back(service, deployment, target, reason, outbox)


def _roll_back(
    service: Service, failed: Deployment, target: Deployment, reason: str, outbox: Outbox
) -> None:
    failed["status"], target["status"] = "ACTIVE", "PRIMARY"
    target["failedTasks"] = 0
    target["desiredCount"] = service["desiredCount"]
    service["deployments"] = [target, *(d for d in service["deployments"] if d is not target)]
    service.update(history.configuration(target))
    service["taskDefinition"] = target["taskDefinition"]
    say(service, f"rolling back to deployment {target['id']}.")
    _set(service, target, "IN_PROGRESS", reason, outbox)


def _set(service: Service, deployment: Deployment, state: str, reason: str, outbox: Outbox) -> None:
    now = ecs._iso()
    deployment.update(rolloutState=state, rolloutStateReason=reason, updatedAt=now)
    kind, name = _NAMES[state]
    detail = {
        "eventType": kind,
        "eventName": name,
        "deploymentId": deployment["id"],
        "updatedAt": now,
        "reason": reason,
    }
    outbox.put("ECS Deployment State Change", detail, [service["serviceArn"]])
