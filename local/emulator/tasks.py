"""ECS tasks of services: whether they come up, and what ECS tells about deployments.

Tasks are metadata: no container runs. `Tasks._judge` alone decides whether one becomes RUNNING and
healthy. It does unless somebody has called its image broken; then the task stops with an error, and
the service's deployment goes the way that it goes on AWS.
"""

import time
from collections.abc import Callable
from typing import Any

from ministack.services import ecs

from local.emulator import scope
from local.emulator.events import emit
from local.emulator.service import Service, plug_in, store

_SECONDS_TO_FAIL = 0.2

broken_images = store()

_EVENTS = {
    "IN_PROGRESS": ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", "ECS deployment {} in progress."),
    "COMPLETED": ("INFO", "SERVICE_DEPLOYMENT_COMPLETED", "ECS deployment {} completed."),
    "FAILED": ("ERROR", "SERVICE_DEPLOYMENT_FAILED", "{reason}"),
}


class Tasks:
    """Watches over the tasks that services start."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def register(self) -> None:
        """Take over the decisions of the emulator."""
        plug_in(Service("local-tasks", {}, {"broken": broken_images}))
        run_task: Callable[[Any], Any] = ecs._run_task
        reconcile: Callable[..., None] = ecs._reconcile_service_tasks
        complete: Callable[..., None] = ecs._complete_service_deployment

        def judge_new(request: dict[str, Any]) -> Any:
            before = set(ecs._tasks)
            answer = run_task(request)
            for task in set(ecs._tasks) - before:
                self._judge(task)
            return answer

        def tell_and_reconcile(cluster: str, service: str) -> None:
            self._tell(service)
            reconcile(cluster, service)
            self._tell(service)

        def complete_and_tell(cluster: str, service: str, *rest: Any, **more: Any) -> None:
            complete(cluster, service, *rest, **more)
            self._tell(service)

        ecs._run_task = judge_new
        ecs._reconcile_service_tasks = tell_and_reconcile
        ecs._complete_service_deployment = complete_and_tell

    def _judge(self, arn: str) -> None:
        """Decide what becomes of a new task."""
        task = ecs._tasks[arn]
        definition = ecs._task_defs[ecs._resolve_td_key(task["taskDefinitionArn"])]
        for container in definition["containerDefinitions"]:
            if container["image"] in broken_images:
                task.update(lastStatus="PENDING", _startup_stable=False)
                scope.in_background("ecs-task", self._fail, arn, container["name"])
                return

    def _fail(self, arn: str, container: str) -> None:
        time.sleep(_SECONDS_TO_FAIL)
        task = ecs._tasks[arn]
        reason = f"Essential container in task exited: {container}"
        ecs._mark_task_stopped(arn, task, reason, "EssentialContainerExited", exit_code=1)

    def _tell(self, service_key: str) -> None:
        """Send the events of deployments whose state is a new one."""
        service = ecs._services.get(service_key)
        for deployment in list(service["deployments"]) if service else ():
            state = deployment["rolloutState"]
            if self._told.get(deployment["id"]) == state:
                continue
            self._told[deployment["id"]] = state
            kind, name, text = _EVENTS[state]
            emit(
                "aws.ecs",
                "ECS Deployment State Change",
                {
                    "eventType": kind,
                    "eventName": name,
                    "deploymentId": deployment["id"],
                    "updatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "reason": text.format(
                        deployment["id"], reason=deployment["rolloutStateReason"]
                    ),
                },
                [service["serviceArn"]],
            )
