"""What AWS documents of a rolling deployment's options, value by value.

Percentages, with their rounding, and ``resetOnHealthyTask``:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html and
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html. What a
rollback restores is the revision:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html, which has no
desired count. For the threshold of the circuit breaker see test_ecs.py, for the weights that a
rollback of a blue/green deployment restores test_ecs_shifts.py.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.local.emulator.driver import Emulator, eventually
from tests.local.emulator.rolling import RollingService


@pytest.mark.parametrize(
    ("desired", "percent", "least", "most"),
    [
        (1, (50, 200), 1, 2),
        (1, (0, 100), 0, 1),
        (2, (50, 100), 1, 2),
        (3, (0, 100), 0, 3),
        (3, (50, 100), 2, 3),  # 1.5 is rounded up
        (3, (66, 100), 2, 3),  # 1.98
        (3, (100, 150), 3, 4),  # 4.5 is rounded down
        (3, (100, 166), 3, 4),  # 4.98
        (4, (50, 200), 4, 8),  # AWS's example: with room, none is stopped first
        (5, (50, 130), 3, 6),  # 2.5 and 6.5
    ],
)
def test_how_many_tasks_run_at_least_and_at_most(
    emulator: Emulator, desired: int, percent: tuple[int, int], least: int, most: int
) -> None:
    service = RollingService(emulator, count=desired, percent=percent)
    service.release("good:4")
    assert service.ended()["status"] == "SUCCESSFUL"
    assert [task["containers"][0]["image"] for task in service.tasks()] == ["good:4"] * desired
    messages = [event["message"] for event in service.shown()["events"]][::-1]
    steady = messages.index(f"(service {service.name}) has reached a steady state.")
    counts = [desired]
    for message in messages[steady + 1 :]:
        if match := re.search(r"has (started|stopped) (\d)", message):
            counts.append(counts[-1] + int(match[2]) * (1 if match[1] == "started" else -1))
    assert (min(counts), max(counts)) == (least, most)


def test_a_percentage_that_leaves_no_room_replaces_nothing(emulator: Emulator) -> None:
    """Rounded, 67 % and 133 % of 3 are 3."""
    service = RollingService(emulator, count=3, percent=(67, 133))
    before = {task["taskArn"] for task in service.tasks()}
    service.release("good:4")
    assert service.deployments()[0]["status"] == "IN_PROGRESS"
    assert len(before) == 3
    assert {task["taskArn"] for task in service.tasks()} == before


@pytest.mark.parametrize(
    ("option", "reset"),
    [({}, True), ({"resetOnHealthyTask": True}, True), ({"resetOnHealthyTask": False}, False)],
)
def test_a_healthy_task_resets_the_count_of_failures(
    emulator: Emulator, broken: Callable[[str], str], option: dict[str, bool], reset: bool
) -> None:
    threshold = {"type": "COUNT", "value": 50}
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": threshold} | option
    service = RollingService(emulator, count=1, breaker=breaker)
    image = emulator.new_name("image")
    service.release(broken(image))
    eventually(lambda: service.deployments()[0]["deploymentCircuitBreaker"]["failureCount"] >= 3)
    emulator.local("POST", "broken-image", image=image, broken="false")
    found = service.ended()
    assert found["status"] == "SUCCESSFUL"
    assert (found["deploymentCircuitBreaker"]["failureCount"] == 0) == reset


def test_a_rollback_restores_the_revision_and_not_the_desired_count(
    emulator: Emulator, broken: Callable[[str], str]
) -> None:
    elb = emulator.client("elbv2")
    group = elb.create_target_group(
        Name=emulator.new_name("group"), Protocol="HTTP", Port=80, VpcId="v", TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    balancer: dict[str, Any] = {
        "targetGroupArn": group,
        "containerName": "app",
        "containerPort": 8080,
    }
    service = RollingService(emulator, count=2, loadBalancers=[balancer])
    before = service.shown()
    changed = [{**balancer, "containerPort": 9090}]
    service.release(broken(emulator.new_name("image")), loadBalancers=changed, desiredCount=3)
    assert service.shown()["desiredCount"] == 3
    assert service.ended()["status"] == "ROLLBACK_SUCCESSFUL"
    eventually(lambda: service.shown()["runningCount"] == 3)
    after = service.shown()
    assert after["taskDefinition"] == before["taskDefinition"]
    assert after["loadBalancers"] == before["loadBalancers"] == [balancer]
    assert after["desiredCount"] == 3
    targets = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [target["Target"]["Port"] for target in targets] == [8080] * 3
