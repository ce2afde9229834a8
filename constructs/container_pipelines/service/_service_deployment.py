"""What the way of deploying adds to a service."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Annotations
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines.service.deployments import (
    BlueGreen,
    CodeDeployBlueGreen,
    EcsBlueGreen,
    Pause,
)
from container_pipelines.service.service_options import Scaling
from container_pipelines.service.traffic_routes import infrastructure_role
from container_pipelines.service.validation_hooks import BoundHook, HookStage


def deployment_options(deployment: BlueGreen | None) -> dict[str, Any]:
    """Return the options of a service for its way of deploying.

    Parameters
    ----------
    deployment
        How it deploys; None for rolling.

    Returns
    -------
    dict[str, Any]
        Options of :class:`aws_cdk.aws_ecs.FargateService`.
    """
    breaker = ecs.DeploymentCircuitBreaker(enable=True, rollback=True)
    if deployment is None:
        return {"circuit_breaker": breaker}
    if isinstance(deployment, CodeDeployBlueGreen):
        controller = ecs.DeploymentControllerType.CODE_DEPLOY
        return {"deployment_controller": ecs.DeploymentController(type=controller)}
    strategy = deployment.traffic_shift.strategy()
    step = deployment.traffic_shift.step()
    return {
        "deployment_strategy": strategy,
        "bake_time": deployment.bake_time,
        "linear_configuration": step if strategy == ecs.DeploymentStrategy.LINEAR else None,
        "canary_configuration": step if strategy == ecs.DeploymentStrategy.CANARY else None,
        "circuit_breaker": breaker if deployment.circuit_breaker else None,
        "deployment_alarms": (
            ecs.DeploymentAlarmConfig(
                alarm_names=[alarm.alarm_name for alarm in deployment.alarms],
                behavior=ecs.AlarmBehavior.ROLLBACK_ON_ALARM,
            )
            if deployment.alarms
            else None
        ),
    }


def say_controller(service: ecs.FargateService, deployment: BlueGreen | None) -> None:
    """Say that ECS deploys a service, for rolling and for its blue/green in the same words.

    With a circuit breaker it is a flag of the app that decides whether the L2 says it. AWS's
    sources disagree on whether a change of it replaces the service, so it is never one.

    Parameters
    ----------
    service
        The service.
    deployment
        How it deploys; None for rolling.
    """
    if not isinstance(deployment, CodeDeployBlueGreen):
        resource = service.node.default_child
        assert isinstance(resource, ecs.CfnService)  # noqa: S101 - for the type checker
        resource.deployment_controller = ecs.CfnService.DeploymentControllerProperty(
            type=ecs.DeploymentControllerType.ECS.value
        )


def check_deployment(
    deployment: BlueGreen | None,
    listener: elbv2.IApplicationListener,
    scaling: Scaling | None,
) -> None:
    """Reject what a service with two target groups cannot have.

    Parameters
    ----------
    deployment
        How it deploys; None for rolling.
    listener
        The production listener.
    scaling
        How the number of tasks follows the load.

    Raises
    ------
    ValueError
        If the test listener is the production listener, or tasks follow the requests of one group.
    """
    if deployment is None:
        return
    test_listener = deployment.test_listener
    if test_listener is not None and test_listener.listener_arn == listener.listener_arn:
        raise ValueError(
            "'deployment.test_listener' must be another listener than 'listener', got the same; "
            "give one on another port of the load balancer"
        )
    if scaling is not None and scaling.requests_per_task is not None:
        raise ValueError(
            "'scaling.requests_per_task' must be left out with a 'deployment', got "
            f"{scaling.requests_per_task}: it counts the requests of one target group, and traffic "
            "changes between two; scale on cpu_percent or memory_percent"
        )


def attach_for_code_deploy(
    service: ecs.FargateService,
    pair: tuple[elbv2.ApplicationTargetGroup, elbv2.ApplicationTargetGroup],
    listener: elbv2.IApplicationListener,
) -> None:
    """Put a service into the first of two target groups, of which CodeDeploy uses both.

    Parameters
    ----------
    service
        The service.
    pair
        Its target groups.
    listener
        The listener that they stand behind.
    """
    service.attach_to_application_target_group(pair[0])
    # No rule may name the one that is not live, but CodeDeploy puts it behind the listener.
    for group in pair:
        group.register_listener(listener)


def attach_for_ecs(
    scope: Construct,
    service: ecs.FargateService,
    pair: tuple[elbv2.ApplicationTargetGroup, elbv2.ApplicationTargetGroup],
    *,
    container_name: str,
    container_port: int,
    rules: Sequence[elbv2.ApplicationListenerRule],
) -> None:
    """Put a service into two target groups, between which ECS moves its traffic.

    Parameters
    ----------
    scope
        Where ECS's role for it is made.
    service
        The service.
    pair
        Its target groups.
    container_name, container_port
        What gets the traffic.
    rules
        The rule of production traffic and, if there is one, that of test traffic.
    """
    blue, green = pair
    role = infrastructure_role(scope, target_groups=pair, rules=rules)
    production, *test = map(ecs.ListenerRuleConfiguration.application_listener_rule, rules)
    service.load_balancer_target(
        container_name=container_name,
        container_port=container_port,
        alternate_target=ecs.AlternateTarget(
            "Green",
            alternate_target_group=green,
            production_listener=production,
            test_listener=next(iter(test), None),
            role=role,
        ),
    ).attach_to_application_target_group(blue)
    service.node.add_dependency(role)


def add_hooks(
    scope: Construct,
    service: ecs.FargateService,
    hooks: list[BoundHook],
    deployment: EcsBlueGreen,
) -> None:
    """Add the hooks, and the pause if there is one, to a service's deployments.

    Parameters
    ----------
    scope
        Where the role is made by which ECS calls the functions.
    service
        The service.
    hooks
        The hooks.
    deployment
        How it deploys.
    """
    if hooks:
        role = iam.Role(
            scope,
            "HookRole",
            assumed_by=iam.ServicePrincipal("ecs.amazonaws.com"),
            description="Calls the hooks of the service's deployments",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"],
                resources=list(dict.fromkeys(hook.function.function_arn for hook in hooks)),
            )
        )
        # Hooks run when the service is made: they must be callable by then.
        service.node.add_dependency(role)
        for number, hook in enumerate(hooks, start=1):
            service.add_lifecycle_hook(
                ecs.DeploymentLifecycleLambdaTarget(
                    hook.function,
                    f"Hook{number}",
                    role=role,
                    lifecycle_stages=[hook.at.lifecycle_stage],
                )
            )
            service.node.add_dependency(hook.function)
    if deployment.pause is not None:
        tested = deployment.test_listener is not None
        stage = HookStage.TEST_TRAFFIC if tested else HookStage.AFTER_START
        _add_pause(service, deployment.pause, stage, number=len(hooks))
    if not deployment.circuit_breaker:
        Annotations.of(service).acknowledge_warning(
            "@aws-cdk/aws-ecs:shouldUseCircuitBreaker",
            "AWS's documents disagree on whether it is taken beside a traffic shift.",
        )


def _add_pause(service: ecs.FargateService, pause: Pause, stage: HookStage, *, number: int) -> None:
    # The L2 has functions as hooks only. They come first, so this one is behind them.
    resource = service.node.default_child
    assert isinstance(resource, ecs.CfnService)  # noqa: S101 - for the type checker
    hook = {
        "TargetType": "PAUSE",
        "LifecycleStages": [stage.lifecycle_stage.value],
        "TimeoutConfiguration": {
            "TimeoutInMinutes": pause.timeout.to_minutes(),
            "Action": pause.on_timeout.value,
        },
    }
    hooks = "DeploymentConfiguration.LifecycleHooks"
    if number:
        resource.add_property_override(f"{hooks}.{number}", hook)
    else:
        # There is no list to put it into.
        resource.add_property_override(hooks, [hook])
