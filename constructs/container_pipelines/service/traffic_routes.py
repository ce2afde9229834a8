"""Target groups and listener rules of a service, and ECS's role to move traffic between them."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._acknowledge import acknowledge_wildcards
from container_pipelines.service._rule_order import check_order
from container_pipelines.service.deployments import Engine, LiveGroup
from container_pipelines.service.service_options import HealthCheck

# Of targets without a port of their own; ECS gives each task's. A group's port cannot change:
# CloudFormation would put an empty group in the place of the one that carries traffic.
_GROUP_PORT: Final = 80


def target_group(
    scope: Construct,
    construct_id: str,
    *,
    vpc: ec2.IVpc,
    health: HealthCheck,
    protocol_version: elbv2.ApplicationProtocolVersion,
    stickiness: Duration | None,
    stickiness_cookie: str | None,
) -> elbv2.ApplicationTargetGroup:
    """Make a group of tasks that a load balancer sends requests to, each at its own port.

    Parameters
    ----------
    scope, construct_id
        Where it is made.
    vpc
        The VPC of the tasks.
    health
        When a task is healthy.
    protocol_version, stickiness, stickiness_cookie
        As the service has them.

    Returns
    -------
    elbv2.ApplicationTargetGroup
        The group.
    """
    version = elbv2.ApplicationProtocolVersion
    grpc = protocol_version is version.GRPC
    return elbv2.ApplicationTargetGroup(
        scope,
        construct_id,
        vpc=vpc,
        port=_GROUP_PORT,
        protocol=elbv2.ApplicationProtocol.HTTP,
        # Where it is said, the group is another one than where it is not.
        protocol_version=None if protocol_version is version.HTTP1 else protocol_version,
        stickiness_cookie_duration=stickiness,
        stickiness_cookie_name=stickiness_cookie,
        target_type=elbv2.TargetType.IP,
        deregistration_delay=Duration.seconds(30),
        health_check=elbv2.HealthCheck(
            path=health.path,
            protocol=elbv2.Protocol.HTTP,
            healthy_http_codes=None if grpc else health.healthy_http_codes,
            healthy_grpc_codes=health.healthy_grpc_codes if grpc else None,
            interval=health.interval,
            timeout=health.timeout,
            healthy_threshold_count=health.healthy_threshold,
            unhealthy_threshold_count=health.unhealthy_threshold,
        ),
    )


def check_secure(
    parameter: str,
    listener: elbv2.IApplicationListener,
    protocol_version: elbv2.ApplicationProtocolVersion,
) -> None:
    """Reject a listener that is known to speak HTTP, for a service that speaks HTTP/2 or gRPC.

    Parameters
    ----------
    parameter
        The parameter that gave it.
    listener
        The listener.
    protocol_version
        What the service speaks.

    Raises
    ------
    ValueError
        If the load balancer would refuse the two together.

    Notes
    -----
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-group-protocol-version
    """
    resource = listener.node.default_child
    if isinstance(resource, elbv2.CfnListener) and resource.protocol == "HTTP":
        raise ValueError(
            f"'{parameter}' must speak HTTPS with 'protocol_version' {protocol_version.name}, got "
            f"one that speaks HTTP; give a listener with a certificate"
        )


def listener_rule(
    scope: Construct,
    construct_id: str,
    *,
    listener: elbv2.IApplicationListener,
    priority: int,
    path_patterns: Sequence[str],
    host_headers: Sequence[str],
    action: elbv2.ListenerAction,
) -> elbv2.ApplicationListenerRule:
    """Make the rule that sends a service its requests.

    Nothing but its own parameters changes how it is rendered: CloudFormation would write the whole
    rule, and with it the weights that a deployment has set.

    Parameters
    ----------
    scope, construct_id
        Where it is made.
    listener
        The listener.
    priority
        Its place among the listener's rules.
    path_patterns, host_headers
        What it holds for.
    action
        Where it sends requests when CloudFormation writes it.

    Returns
    -------
    elbv2.ApplicationListenerRule
        The rule.

    Raises
    ------
    ValueError
        If the listener's other rules leave no place or no request for it.
    """
    check_order(
        scope,
        construct_id,
        listener=listener,
        priority=priority,
        path_patterns=path_patterns,
        host_headers=host_headers,
    )
    condition = elbv2.ListenerCondition
    return elbv2.ApplicationListenerRule(
        scope,
        construct_id,
        listener=listener,
        priority=priority,
        conditions=[
            *([condition.path_patterns(list(path_patterns))] if path_patterns else []),
            *([condition.host_headers(list(host_headers))] if host_headers else []),
        ],
        action=action,
    )


def forward_actions(
    engine: Engine,
    blue: elbv2.IApplicationTargetGroup,
    green: elbv2.IApplicationTargetGroup,
    live: LiveGroup,
) -> tuple[elbv2.ListenerAction, elbv2.ListenerAction]:
    """Return where the rules of two target groups send traffic when CloudFormation writes them.

    For ECS each rule has both groups, with weights: it rejects a deployment otherwise. For
    CodeDeploy each has one, as in its documentation; CodeDeploy adds the other.

    Parameters
    ----------
    engine
        Who moves the traffic.
    blue, green
        The groups.
    live
        The one that gets production traffic.

    Returns
    -------
    tuple[elbv2.ListenerAction, elbv2.ListenerAction]
        The action of the production rule, and that of the test rule.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-bluegreen.html
    """
    groups = [blue, green]
    if live == LiveGroup.GREEN:
        groups.reverse()
    production, test = groups
    if engine == Engine.CODE_DEPLOY:
        return elbv2.ListenerAction.forward([production]), elbv2.ListenerAction.forward([test])

    def all_to(chosen: elbv2.IApplicationTargetGroup) -> elbv2.ListenerAction:
        return elbv2.ListenerAction.weighted_forward(
            [
                elbv2.WeightedTargetGroup(target_group=group, weight=100 if group is chosen else 0)
                for group in (blue, green)
            ]
        )

    return all_to(production), all_to(test)


def to_https() -> elbv2.ListenerAction:
    """Redirect a request to the same address by HTTPS, as a browser keeps in mind.

    Returns
    -------
    elbv2.ListenerAction
        The action.
    """
    return elbv2.ListenerAction.redirect(protocol="HTTPS", port="443", permanent=True)


def infrastructure_role(
    scope: Construct,
    *,
    target_groups: Sequence[elbv2.IApplicationTargetGroup],
    rules: Sequence[elbv2.ApplicationListenerRule],
) -> iam.Role:
    """Make the role by which ECS moves traffic between two groups.

    It may do what ``AmazonECSInfrastructureRolePolicyForLoadBalancers`` allows, for these groups
    and rules alone. Listeners' own actions are left out: traffic goes by the rules.

    Parameters
    ----------
    scope
        Where it is made.
    target_groups
        The groups.
    rules
        The rules of the production listener and, if there is one, of the test listener.

    Returns
    -------
    iam.Role
        The role.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html
    """
    role = iam.Role(
        scope,
        "InfrastructureRole",
        assumed_by=iam.ServicePrincipal("ecs.amazonaws.com"),
        description="Moves traffic between the two target groups",
    )
    for statement in (
        iam.PolicyStatement(
            actions=[
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            resources=["*"],
        ),
        iam.PolicyStatement(
            actions=[
                "elasticloadbalancing:DeregisterTargets",
                "elasticloadbalancing:RegisterTargets",
            ],
            resources=[group.target_group_arn for group in target_groups],
        ),
        iam.PolicyStatement(
            actions=["elasticloadbalancing:ModifyRule"],
            resources=[rule.listener_rule_arn for rule in rules],
        ),
    ):
        role.add_to_policy(statement)
    acknowledge_wildcards(
        role, {"*": "The Describe actions of Elastic Load Balancing know no resource."}
    )
    return role
