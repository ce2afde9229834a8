"""How the number of a service's tasks follows the load."""

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from container_pipelines.service.service_options import Scaling


def scale(
    service: ecs.FargateService, scaling: Scaling, target_group: elbv2.ApplicationTargetGroup
) -> ecs.ScalableTaskCount:
    """Have the number of tasks follow the load.

    Parameters
    ----------
    service
        The service.
    scaling
        What is aimed at.
    target_group
        The group whose requests count.

    Returns
    -------
    ecs.ScalableTaskCount
        The number of tasks, for further policies.
    """
    count = service.auto_scale_task_count(
        min_capacity=scaling.min_tasks, max_capacity=scaling.max_tasks
    )
    if scaling.cpu_percent is not None:
        count.scale_on_cpu_utilization("Cpu", target_utilization_percent=scaling.cpu_percent)
    if scaling.memory_percent is not None:
        count.scale_on_memory_utilization(
            "Memory", target_utilization_percent=scaling.memory_percent
        )
    if scaling.requests_per_task is not None:
        count.scale_on_request_count(
            "Requests",
            requests_per_target=scaling.requests_per_task,
            target_group=target_group,
        )
    return count
