"""What a pipeline deploys to: a service, its container, and the roles of its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._acknowledge import acknowledge_wildcards
from container_pipelines._checks import is_token
from container_pipelines._once import arn, service_names
from container_pipelines.pipeline._fit import (
    check_place,
    check_pointer,
    check_processor,
    check_repository,
    refuse_other_readers,
)
from container_pipelines.registry.ecr_repo import LOGIN_REASON

if TYPE_CHECKING:
    from container_pipelines.build.build_project import BuildProject
    from container_pipelines.registry.image_pointer import ImagePointer

# IAM's reference of ECS names the task definition for it; CodePipeline's own policies have "*", and
# reports say that a scoped statement is denied. If it is, nothing ever deploys.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECS.html
# https://github.com/aws/containers-roadmap/issues/929
_REGISTER_REASON: Final = (
    "AWS's documents disagree on whether RegisterTaskDefinition takes a resource. iam:PassRole is "
    "its boundary: a revision gets no other roles than those of this service's tasks."
)

_FIXES: Final = {
    "CODE_DEPLOY": "release it with BlueGreenPipeline",
    "EXTERNAL": "its task sets are those of a program of yours: make the service with ECS's own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployTarget:
    """A service as its pipeline needs to know it.

    Parameters
    ----------
    service
        The service.
    container_name
        The container that gets the image.
    task_roles
        The roles that a deployment passes to the tasks.
    family
        The task definition's family, or ``*`` where it is not known.
    definition
        The task definition; None of an imported service.
    """

    service: ecs.IBaseService
    container_name: str
    task_roles: tuple[iam.IRole, ...]
    family: str
    definition: ecs.TaskDefinition | None = None

    @staticmethod
    def of(
        service: ecs.IBaseService,
        *,
        container_name: str | None,
        task_roles: Sequence[iam.IRole] | None,
        task_definition_family: str | None,
    ) -> DeployTarget:
        """Take from a service's task definition what the caller has left out.

        Parameters
        ----------
        service
            The service.
        container_name, task_roles, task_definition_family
            What the caller has said.

        Returns
        -------
        DeployTarget
            The target.

        Raises
        ------
        ValueError
            If the task definition lacks the container, or an imported service, which has no task
            definition to look into, comes without its container or its roles.
        """
        if isinstance(service, ecs.BaseService):
            definition = service.task_definition
            # Made here where there is none yet, so that the deployment may pass it in any case.
            roles = [definition.task_role, definition.obtain_execution_role()]
            return DeployTarget(
                service=service,
                definition=definition,
                container_name=_container_name(definition, container_name),
                task_roles=tuple(task_roles or roles),
                family=task_definition_family or definition.family,
            )
        if container_name is None:
            raise ValueError(
                "'container_name' must be given for an imported service, got None; name the "
                "container of its task definition that gets the image"
            )
        if not task_roles:
            raise ValueError(
                "'task_roles' must be given for an imported service, got none; give the task role "
                "and the execution role of its task definition (iam.Role.from_role_arn)"
            )
        return DeployTarget(
            service=service,
            container_name=container_name,
            task_roles=tuple(task_roles),
            family=task_definition_family or "*",
        )

    def check_fit(
        self, scope: Construct, build: BuildProject, image_pointer: ImagePointer | None
    ) -> None:
        """Reject a build or a pointer that the service cannot be released with.

        Parameters
        ----------
        scope
            Where the pipeline is made.
        build
            What makes the image.
        image_pointer
            What the pipeline writes.

        Raises
        ------
        ValueError
            If the service is in another account or region, its tasks have another processor than
            the image, its container does not read the pointer, or that is of another repository.
        """
        check_place(self.service, scope)
        check_repository(build, image_pointer)
        if self.definition is None:
            return
        check_processor(self.definition, build)
        container = self.definition.find_container(self.container_name)
        if container is not None:
            check_pointer(container, image_pointer)

    def prepare(self, pipeline: Construct, repository: ecr.IRepository) -> None:
        """Let the tasks pull what the pipeline builds, as far as their task definition is known.

        Parameters
        ----------
        pipeline
            The pipeline.
        repository
            Where the image is pushed.
        """
        if self.definition is None:
            return
        refuse_other_readers(pipeline, self.definition, self.container_name)
        role = self.definition.obtain_execution_role()
        repository.grant_pull(role)
        if isinstance(role, iam.Role):
            acknowledge_wildcards(role, {"*": LOGIN_REASON})

    def grant_deploy(self, role: iam.Role) -> None:
        """Allow an action to register a revision and to update the service with it.

        Parameters
        ----------
        role
            The role of the deploy action.

        Notes
        -----
        https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECS.html

        Raises
        ------
        ValueError
            If the service is of the app and deploys by CodeDeploy.
        """
        self._check_controller()
        cluster_name, cluster_arn, service_name = service_names(self.service)
        ecs_arn = arn(role, "ecs", "")
        # Not the service's own attribute: for an imported one it depends on a flag of the app
        # whether that names the cluster, as the ARN of every service does by now.
        service_arn = f"{ecs_arn}service/{cluster_name}/{service_name}"
        family_arn = f"{ecs_arn}task-definition/{self.family}:*"
        tasks_arn = f"{ecs_arn}task/{cluster_name}/*"
        allow = partial(iam.Grant.add_to_principal, grantee=role)
        allow(actions=["ecs:DescribeServices"], resource_arns=[service_arn])
        allow(
            actions=["ecs:UpdateService"],
            resource_arns=[service_arn],
            conditions=self._only_its_own(family_arn),
        )
        allow(actions=["ecs:RegisterTaskDefinition"], resource_arns=["*"])
        allow(
            actions=["ecs:TagResource"],
            resource_arns=[family_arn],
            conditions={"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
        )
        allow(actions=["ecs:DescribeTaskDefinition"], resource_arns=["*"])
        allow(actions=["ecs:DescribeTasks"], resource_arns=[tasks_arn])
        allow(
            actions=["ecs:ListTasks"],
            resource_arns=["*"],
            conditions={"ArnEquals": {"ecs:cluster": cluster_arn}},
        )
        self._grant_pass_task_roles(role)
        acknowledge_wildcards(
            role,
            {
                "*": "DescribeTaskDefinition has no resource in IAM; ListTasks is bound to the "
                "cluster. " + _REGISTER_REASON,
                family_arn: "Each release tags the new revision of the family that it registers.",
                tasks_arn: "Each release starts new tasks in the cluster.",
            },
        )

    def grant_register(self, role: iam.Role) -> None:
        """Allow an action to register a revision that CodeDeploy then deploys.

        Parameters
        ----------
        role
            The role of the deploy action.

        Notes
        -----
        https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
        """
        iam.Grant.add_to_principal(
            grantee=role, actions=["ecs:RegisterTaskDefinition"], resource_arns=["*"]
        )
        self._grant_pass_task_roles(role)
        acknowledge_wildcards(role, {"*": _REGISTER_REASON})

    def grant_task_sets(self, role: iam.Role) -> None:
        """Allow CodeDeploy to start new tasks beside the old ones, and to end the old ones.

        Parameters
        ----------
        role
            The role that CodeDeploy takes.
        """
        cluster_name, _, service_name = service_names(self.service)
        ecs_arn = arn(role, "ecs", "")
        path = f"{cluster_name}/{service_name}"
        task_sets = f"{ecs_arn}task-set/{path}/*"
        allow = partial(iam.Grant.add_to_principal, grantee=role)
        allow(
            actions=["ecs:DescribeServices", "ecs:UpdateServicePrimaryTaskSet"],
            resource_arns=[f"{ecs_arn}service/{path}"],
        )
        allow(actions=["ecs:CreateTaskSet", "ecs:DeleteTaskSet"], resource_arns=[task_sets])
        self._grant_pass_task_roles(role)
        acknowledge_wildcards(
            role, {task_sets: "The ids of the service's task sets arise with them."}
        )

    def _only_its_own(self, family_arn: str) -> dict[str, dict[str, Any]]:
        """Return conditions that let an update deploy the own family, and not open a shell.

        AWS says that both keys exist, and not what is in them where a request is silent or gives
        no ARN. None of that may stop a release: a key that is absent is no matter, a family may
        stand there by its name, and of a service that people may open a shell in, or that is not
        of this app, the second is not asked.
        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
        """
        conditions: dict[str, dict[str, Any]] = {}
        if self.family != "*":
            names = [family_arn, self.family, f"{self.family}:*"]
            conditions["StringLikeIfExists"] = {"ecs:task-definition": names}
        if self._has_no_shell():
            # Negated operators hold where the key is absent.
            shell = {"ecs:enable-execute-command": "true"}
            conditions["StringNotEqualsIgnoreCase"] = shell
        return conditions

    def _has_no_shell(self) -> bool:
        resource = self.service.node.default_child
        if not isinstance(self.service, ecs.BaseService) or not isinstance(
            resource, ecs.CfnService
        ):
            return False
        return Stack.of(self.service).resolve(resource.enable_execute_command) in (None, False)

    def _grant_pass_task_roles(self, role: iam.Role) -> None:
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["iam:PassRole"],
            resource_arns=[task_role.role_arn for task_role in self.task_roles],
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        )

    def _check_controller(self) -> None:
        if not isinstance(self.service, ecs.BaseService):
            return
        resource = self.service.node.default_child
        if not isinstance(resource, ecs.CfnService):
            return
        controller = Stack.of(self.service).resolve(resource.deployment_controller) or {}
        found = controller.get("type") or ecs.DeploymentControllerType.ECS.value
        if found != ecs.DeploymentControllerType.ECS.value:
            raise ValueError(
                f"'service' must have the deployment controller ECS for the deploy action of ECS, "
                f"got {found}; {_FIXES.get(found, 'make the service with it')}"
            )


def _container_name(definition: ecs.TaskDefinition, container_name: str | None) -> str:
    if container_name is not None and not is_token(container_name):
        container = definition.find_container(container_name)
        if container is None:
            raise ValueError(
                f"'container_name' must be a container of the service's task definition, got "
                f"'{container_name}'; omit it to deploy to the default container"
            )
    if container_name is not None:
        return container_name
    default = definition.default_container
    if default is None:
        raise ValueError(
            "'service' must have a task definition with an essential container, got none; call "
            "add_container() before the pipeline is made"
        )
    return default.container_name
