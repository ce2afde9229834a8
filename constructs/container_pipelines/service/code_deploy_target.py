"""What CodeDeploy deploys to: a service with two target groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jsii
from aws_cdk import Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import IValidation

from container_pipelines._checks import check_range, is_token
from container_pipelines._types import checked
from container_pipelines.service.deployments import CodeDeployBlueGreen

_CONTROLLER: Final = ecs.DeploymentControllerType.CODE_DEPLOY.value


@checked("code_deploy_target")
@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDeployTarget:
    """An existing service that CodeDeploy can deploy to.

    A :class:`LoadBalancedService` gives its own by ``code_deploy_target``.

    Parameters
    ----------
    service
        The service, of your app and with the deployment controller ``CODE_DEPLOY``.
    container_name
        The container that gets the image and the traffic.
    container_port
        The port that it listens on.
    blue_target_group
        The target group that the service is made with.
    green_target_group
        The other one.
    listener
        The production listener.
    deployment
        How CodeDeploy moves the traffic; with the test listener, if there is one.
    listener_rules
        The listeners' rules that send requests to the groups. Without any, CodeDeploy may change
        the listeners' default actions.
    test_host
        The host name that the test listener's rule demands; None for any.

    Raises
    ------
    ValueError
        If the service is imported or has another controller, the container or its port is not in
        its task definition, or there are not two target groups.
    """

    service: ecs.BaseService
    container_name: str
    container_port: int
    blue_target_group: elbv2.IApplicationTargetGroup
    green_target_group: elbv2.IApplicationTargetGroup | None
    listener: elbv2.IApplicationListener
    deployment: CodeDeployBlueGreen
    listener_rules: Sequence[elbv2.ApplicationListenerRule] = ()
    test_host: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "listener_rules", tuple(self.listener_rules))
        self._check_controller()
        self._check_container()
        blue, green = self.blue_target_group, self.green_target_group
        if green is None:
            raise ValueError(
                "'green_target_group' must be given, got one target group alone; make a second one "
                "like the first, which CodeDeploy starts the new tasks in"
            )
        if blue.target_group_arn == green.target_group_arn:
            raise ValueError(
                "'green_target_group' must be another one than 'blue_target_group', got the same "
                "twice; make a second one like the first"
            )

    @property
    def green(self) -> elbv2.IApplicationTargetGroup:
        """The green target group, which is there."""
        assert self.green_target_group is not None  # noqa: S101 - checked above
        return self.green_target_group

    @property
    def target_groups(self) -> tuple[elbv2.IApplicationTargetGroup, ...]:
        """Both target groups."""
        return (self.blue_target_group, self.green)

    @property
    def platform_version(self) -> str | None:
        """Fargate's platform version for the new tasks; None on EC2, where there is none."""
        if not isinstance(self.service, ecs.FargateService):
            return None
        return str(self._resource.platform_version or "LATEST")

    @property
    def capacity_providers(self) -> list[dict[str, Any]]:
        """The service's capacity provider strategy; empty for a launch type."""
        found = Stack.of(self.service).resolve(self._resource.capacity_provider_strategy) or []
        return [
            {
                name[0].upper() + name[1:]: value
                for name in ("capacityProvider", "base", "weight")
                if (value := _attribute(each, name)) is not None
            }
            for each in found
        ]

    @property
    def _resource(self) -> ecs.CfnService:
        resource = self.service.node.default_child
        assert isinstance(resource, ecs.CfnService)  # noqa: S101 - for the type checker
        return resource

    def refuse_what_cannot_be_deployed(self) -> None:
        """Have the synthesis fail on settings of the service that CodeDeploy does not take."""
        self.service.node.add_validation(_Deployable(self.service, self._resource))

    def _check_controller(self) -> None:
        controller = Stack.of(self.service).resolve(self._resource.deployment_controller) or {}
        found = _attribute(controller, "type") or "ECS"
        if found != _CONTROLLER:
            raise ValueError(
                f"'service' must have the deployment controller {_CONTROLLER}, got {found}; give "
                f"LoadBalancedService a CodeDeployBlueGreen as its 'deployment', or your own "
                f"service its 'deployment_controller'"
            )

    def _check_container(self) -> None:
        check_range(
            "container_port", self.container_port, minimum=1, maximum=65535, default="take it"
        )
        if is_token(self.container_name):
            return
        container = self.service.task_definition.find_container(self.container_name)
        if container is None:
            raise ValueError(
                f"'container_name' must be a container of the service's task definition, got "
                f"'{self.container_name}'; name the one that gets the image"
            )
        ports = [mapping.container_port for mapping in container.port_mappings]
        if self.container_port not in ports:
            listed = ", ".join(map(str, ports)) or "none"
            raise ValueError(
                f"'container_port' must be a port of the container '{self.container_name}', which "
                f"has {listed}, got {self.container_port}; give that one, or add the port mapping"
            )


@jsii.implements(IValidation)
class _Deployable:
    """Looks at the service when everything has been said about it.

    What a stack may change of such a service is in
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
    """

    def __init__(self, service: ecs.BaseService, resource: ecs.CfnService) -> None:
        self._service = service
        self._resource = resource

    def validate(self) -> list[str]:
        def resolved(value: Any) -> Any:
            return Stack.of(self._service).resolve(value)

        found: list[str] = []
        family = resolved(self._service.task_definition.family)
        if resolved(self._resource.task_definition) != family:
            found.append(
                "its 'taskDefinition' must be the family alone: CloudFormation would update the "
                "service with each new revision, which ECS refuses; leave it to the construct"
            )
        balancers = resolved(self._resource.load_balancers) or []
        if len(balancers) != 1:
            found.append(
                f"it must be in one target group, got {len(balancers)}: ECS takes no more for "
                f"CodeDeploy; drop the others, or deploy with EcsBlueGreen"
            )
        controller = resolved(self._resource.deployment_controller) or {}
        if _attribute(controller, "type") != _CONTROLLER:
            found.append(f"its deployment controller must be {_CONTROLLER}; nothing may change it")
        return [
            f"The service '{self._service.node.path}' is deployed by CodeDeploy: {message}"
            for message in found
        ]


def _attribute(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
