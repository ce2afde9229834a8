"""What a new version must pass while its deployment waits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from container_pipelines._acknowledge import acknowledge, acknowledge_wildcards
from container_pipelines._assets import function_code
from container_pipelines._checks import check_duration, check_name, check_range, is_token
from container_pipelines._findings import LOGS, ROLES, of_function
from container_pipelines._types import checked


class HookStage(StrEnum):
    """When a hook runs. Production traffic is with the old version until the last of them."""

    BEFORE_START = "BEFORE_START"
    """Before the new tasks start."""
    AFTER_START = "AFTER_START"
    """The new tasks run and are healthy; nothing is sent to them yet."""
    TEST_TRAFFIC = "TEST_TRAFFIC"
    """The test listener leads to the new tasks."""
    AFTER_PRODUCTION_TRAFFIC = "AFTER_PRODUCTION_TRAFFIC"
    """All production traffic goes to the new tasks."""

    @property
    def lifecycle_stage(self) -> ecs.DeploymentLifecycleStage:
        """The name that ECS has for it."""
        return _STAGES[self][0]

    @property
    def lifecycle_event(self) -> str:
        """The name that CodeDeploy has for it."""
        return _STAGES[self][1]


_STAGES: Final = {
    HookStage.BEFORE_START: (ecs.DeploymentLifecycleStage.PRE_SCALE_UP, "BeforeInstall"),
    HookStage.AFTER_START: (ecs.DeploymentLifecycleStage.POST_SCALE_UP, "AfterInstall"),
    HookStage.TEST_TRAFFIC: (
        ecs.DeploymentLifecycleStage.POST_TEST_TRAFFIC_SHIFT,
        "AfterAllowTestTraffic",
    ),
    HookStage.AFTER_PRODUCTION_TRAFFIC: (
        ecs.DeploymentLifecycleStage.POST_PRODUCTION_TRAFFIC_SHIFT,
        "AfterAllowTraffic",
    ),
}


@dataclass(frozen=True, slots=True)
class TrafficTest:
    """What leads to the new version before production traffic does.

    Parameters
    ----------
    listener
        The test listener; None where there is none.
    host
        The host name that its rule demands; None for any.
    """

    listener: elbv2.IApplicationListener | None
    host: str | None = None


@checked("validation_hook")
@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationHook:
    """Let your function decide whether a deployment continues.

    It reports in the way of the service's engine. ECS reads what it returns,
    ``{"hookStatus": "SUCCEEDED"}``, ``FAILED`` or ``IN_PROGRESS``, and invokes it again after the
    latter. CodeDeploy takes ``PutLifecycleEventHookExecutionStatus`` with ``Succeeded`` or
    ``Failed`` within one hour; the function's role is granted that, where it is known.

    ECS also runs hooks when the service is created with the seed image, which must pass.

    Parameters
    ----------
    function
        The function.
    at
        When it runs; by default while the test listener leads to the new version.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html
    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
    """

    function: lambda_.IFunction
    at: HookStage = HookStage.TEST_TRAFFIC

    def bind(self, scope: Construct, name: str, traffic: TrafficTest) -> lambda_.IFunction:
        """Return the function; nothing is made."""
        return self.function


@checked("http_probe")
@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """Continue a deployment only if a path on the test listener returns the expected status.

    A function of the library repeats the request until it gets the expected status or times out. It
    does not follow redirects. ECS also invokes it when the service is created: the seed image
    answers every path with 200, so the first deployment fails with another status.

    Parameters
    ----------
    path
        The path, with its query if it has one.
    status
        The expected status, from 100 to 599.
    timeout
        How long the request is repeated, in whole seconds from 1 second to 10 minutes; 1 minute by
        default.
    base_url
        Where the test listener is reached, such as ``https://test.example.com:8443``. By default
        the name of its load balancer with its port, for a listener of your app that speaks HTTP;
        to be given for any other.
    vpc
        The VPC that the function runs in; by default in none, so that the test listener must be
        reached from the internet. Its private subnets need a way to CodeDeploy for that engine: NAT
        or an interface endpoint.
    security_groups
        The function's security groups in the VPC; one is made by default. The load balancer
        must allow one of them.

    Raises
    ------
    ValueError
        If a value is out of range, or a security group comes without a VPC.
    """

    path: str = "/health"
    status: int = 200
    timeout: Duration = field(default_factory=lambda: Duration.minutes(1))
    base_url: str | None = None
    vpc: ec2.IVpc | None = None
    security_groups: Sequence[ec2.ISecurityGroup] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "security_groups", tuple(self.security_groups))
        check_name(
            "http_probe.path",
            self.path,
            pattern=r"/\S*",
            maximum=2048,
            allowed="a path that starts with '/', such as '/health'",
        )
        check_range("http_probe.status", self.status, minimum=100, maximum=599, default="take 200")
        check_duration(
            "http_probe.timeout",
            self.timeout,
            minimum=1,
            maximum=10 * 60,
            default="try for 1 minute",
        )
        if self.base_url is not None:
            check_name(
                "http_probe.base_url",
                self.base_url,
                pattern=r"https?://[^\s/?#@]+",
                maximum=500,
                allowed="scheme, host and port, such as 'https://test.example.com:8443'",
            )
        if self.security_groups and self.vpc is None:
            raise ValueError(
                "'http_probe.security_groups' must be given with 'vpc', got no 'vpc'; give the VPC "
                "that they belong to"
            )

    @property
    def at(self) -> HookStage:
        """It runs while the test listener leads to the new version."""
        return HookStage.TEST_TRAFFIC

    def bind(self, scope: Construct, name: str, traffic: TrafficTest) -> lambda_.IFunction:
        """Make the function that sends the requests.

        Parameters
        ----------
        scope
            Where it is made.
        name
            Its id there.
        traffic
            The test listener and the host that it demands.

        Returns
        -------
        lambda_.IFunction
            The function.

        Raises
        ------
        ValueError
            If the address of the test listener is not known, and there is no ``base_url``.
        """
        url = self.base_url or _base_url(traffic.listener)
        function = Construct(scope, name)
        role = iam.Role(
            function,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Probes the test listener",
        )
        log_group = logs.LogGroup(function, "Logs", retention=logs.RetentionDays.ONE_MONTH)
        log_group.grant_write(role)
        if self.vpc is not None:
            _grant_network_interfaces(role)
        environment = {
            "PROBE_URL": f"{url}{self.path}",
            "PROBE_STATUS": str(self.status),
            "PROBE_TIMEOUT": str(self.timeout.to_seconds()),
        }
        if traffic.host is not None:
            environment["PROBE_HOST"] = traffic.host
        probe = lambda_.Function(
            function,
            "Function",
            description=f"Requests {self.path} before production traffic moves",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler="http_probe.handler.handle",
            code=function_code("http_probe"),
            memory_size=256,
            # Time for the last attempt and the answer to CodeDeploy.
            timeout=self.timeout.plus(Duration.minutes(1)),
            environment=environment,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            vpc=self.vpc,
            security_groups=list(self.security_groups) or None,
            role=role,
        )
        probe.node.add_dependency(role)
        acknowledge(
            function,
            ROLES
            | LOGS
            | of_function(
                "Amazon ECS or CodeDeploy calls it and waits for its answer: without one the "
                "deployment is rolled back.",
                in_vpc=self.vpc is not None,
            ),
        )
        return probe


Hook = ValidationHook | HttpProbe


@dataclass(frozen=True, slots=True)
class BoundHook:
    """A hook whose function is there.

    Parameters
    ----------
    function
        The function.
    at
        When it runs.
    """

    function: lambda_.IFunction
    at: HookStage


def bind_hooks(scope: Construct, hooks: tuple[Hook, ...], traffic: TrafficTest) -> list[BoundHook]:
    """Make what hooks need.

    Parameters
    ----------
    scope
        Where functions are made.
    hooks
        The hooks.
    traffic
        The test listener and the host that it demands.

    Returns
    -------
    list[BoundHook]
        The hooks with their functions, in the same order.

    Raises
    ------
    ValueError
        If a hook at test traffic comes without a test listener.
    """
    for hook in hooks:
        if hook.at is HookStage.TEST_TRAFFIC and traffic.listener is None:
            raise ValueError(
                f"'test_listener' must be given for a {type(hook).__name__} at test traffic, got "
                f"none; give a listener on another port, or run a ValidationHook at another stage"
            )
    return [
        BoundHook(hook.bind(scope, f"Hook{number}", traffic), hook.at)
        for number, hook in enumerate(hooks, start=1)
    ]


def grant_answer_to_code_deploy(
    scope: Construct, hook: BoundHook, group: codedeploy.IEcsDeploymentGroup, name: str
) -> iam.Policy | None:
    """Allow a hook's function to report its result to CodeDeploy.

    Parameters
    ----------
    scope
        Where the policy is made.
    hook
        The hook.
    group
        Whose deployments it answers.
    name
        The policy's id.

    Returns
    -------
    iam.Policy | None
        The policy; None for an imported function whose role is not known.

    Notes
    -----
    AWS's reference names no resource for the action; its own grants for Lambda deployments (SAM,
    CDK) name the deployment group.
    """
    role = hook.function.role
    if role is None:
        return None
    return iam.Policy(
        scope,
        name,
        roles=[role],
        statements=[
            iam.PolicyStatement(
                actions=["codedeploy:PutLifecycleEventHookExecutionStatus"],
                resources=[group.deployment_group_arn],
            )
        ],
    )


def _base_url(listener: elbv2.IApplicationListener | None) -> str:
    if isinstance(listener, elbv2.ApplicationListener) and not is_token(listener.port):
        resource = listener.node.default_child
        if isinstance(resource, elbv2.CfnListener) and resource.protocol == "HTTP":
            return f"http://{listener.load_balancer.load_balancer_dns_name}:{listener.port}"
    raise ValueError(
        "'http_probe.base_url' must be given for a test listener that is imported or speaks HTTPS, "
        "got none; give where it is reached, with a name that its certificate is for"
    )


def _grant_network_interfaces(role: iam.Role) -> None:
    # What AWSLambdaVPCAccessExecutionRole allows, without the logs. Lambda's guide knows it for all
    # resources alone; so it is Lambda's, and denied to the code that runs with the role.
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=["*"]))
    role.add_to_policy(
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=actions,
            resources=["*"],
            # The key is there when the function's code asks, and not when Lambda does.
            conditions={"Null": {"lambda:SourceFunctionArn": "false"}},
        )
    )
    acknowledge_wildcards(
        role,
        {
            "*": "Lambda makes the function's network interfaces, whose ids are not known before; "
            "the function's code is denied it."
        },
    )
