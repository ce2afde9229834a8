"""Tasks without a container engine: records that run at once and are healthy.

Unless somebody has called an image broken: then a task that would run it exits with an error.
"""

import time
from typing import Final

from local.emulator import scope
from local.emulator.ecs.scheduler import Scheduler, service_of
from local.emulator.ecs.tasks import Stop, Task, address_of, load_balancers
from local.emulator.service import store

broken_images = store()

_SECONDS_TO_FAIL: Final = 0.05
EXITED: Final = Stop("EssentialContainerExited", "Essential container in task exited")


def is_broken(task: Task) -> bool:
    """Return whether somebody has called an image of a task broken."""
    return any(container["image"] in broken_images for container in task["containers"])


class RecordRun:
    """A task of which there is but the record."""

    def __init__(self, task: Task, scheduler: Scheduler) -> None:
        self._task = task
        self._scheduler = scheduler

    def start(self) -> None:
        """Make the task running and healthy; or have it fail, soon."""
        task, scheduler = self._task, self._scheduler
        scheduler.pulling(task)
        if is_broken(task):
            scope.in_background("ecs-task", self._fail)
            return
        scheduler.running(task)
        address = address_of(task)
        for balancer in load_balancers(task, service_of(task)):
            if address and balancer.get("targetGroupArn"):
                port = int(balancer["containerPort"])
                scheduler.targets.set(balancer["targetGroupArn"], address, port, State="healthy")
        scheduler.healthy(task)

    def stop(self) -> None:
        """End the task."""
        for container in self._task["containers"]:
            if container["exitCode"] is None:
                container["exitCode"] = 0
        self._scheduler.stopped(self._task)

    def _fail(self) -> None:
        time.sleep(_SECONDS_TO_FAIL)
        for container in self._task["containers"]:
            if container["image"] in broken_images:
                container["exitCode"] = 1
        self._scheduler.failed(self._task, EXITED)
