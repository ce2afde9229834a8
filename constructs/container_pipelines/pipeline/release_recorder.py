"""The step of a pipeline that writes down what is live."""

import json
from functools import partial
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from container_pipelines._acknowledge import acknowledge, acknowledge_wildcards
from container_pipelines._assets import function_code
from container_pipelines._checks import check_duration, check_name, is_token
from container_pipelines._findings import LOGS, ROLES, of_function
from container_pipelines._once import ServiceNames, arn, repository_names, service_names
from container_pipelines._types import checked
from container_pipelines.registry.image_pointer import ImagePointer

# What a value of an action's configuration may hold.
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html
_LONGEST_PARAMETERS: Final = 1000

_FINDINGS: Final = {
    **ROLES,
    **LOGS,
    **of_function(
        "CodePipeline waits for its answer and fails the action without one: a call that is lost "
        "fails the release, and retrying the stage calls again."
    ),
}


@checked()
class ReleaseRecorder(Construct):
    """A function that records a release once it is live, for any number of pipelines.

    It runs after the deployment. It polls ECS until the service's primary deployment has completed
    and all its tasks run the image that was built, and then writes the image into the pointer, so
    that the next ``cdk deploy`` keeps it. In the pointer's repository it tags the image, and the
    one before, so that ECR keeps both. A deployment that failed or was rolled back or replaced
    fails the pipeline at once, with ECS's reason and those of the tasks that stopped.

    The function's role may report to CodePipeline and log. For each pipeline it assumes a role that
    :meth:`action` makes in the pipeline's stack: that may describe the one service and write its
    pointer, and only the function may assume it. So the recorder may be in a stack that
    pipelines of other stacks share, and no number of them fills up its role.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    timeout
        How long a release may take to become live after its deployment, in whole minutes from 1
        minute to 23 hours; 1 hour by default. A bake time counts.
    log_retention
        How long logs are kept; one month by default.

    Attributes
    ----------
    function
        The function.
    role
        The role that it runs with.
    log_group
        Where it logs one line for each decision.

    Raises
    ------
    ValueError
        If the time is out of range.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        timeout: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
    ) -> None:
        timeout = timeout or Duration.hours(1)
        check_duration(
            "timeout",
            timeout,
            minimum=1,
            maximum=23 * 60,
            unit="minutes",
            default="wait for 1 hour",
            known=True,
        )
        self._timeout_seconds = timeout.to_seconds()
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(self, "Logs", retention=log_retention)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Answers the pipelines that have a release recorded",
        )
        self._assumed_by = iam.ArnPrincipal(self.role.role_arn)
        self.log_group.grant_write(self.role)
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["codepipeline:PutJobFailureResult", "codepipeline:PutJobSuccessResult"],
                resources=["*"],
            )
        )
        acknowledge_wildcards(
            self.role, {"*": "The answer to a job of CodePipeline has no resource."}
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description="Records which image of a service is live",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler="release_recorder.handler.handle",
            code=function_code("release_recorder"),
            memory_size=256,
            # One look, also when AWS is slow to answer. It never waits for the deployment itself.
            timeout=Duration.minutes(5),
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # The L2's own grants would be for all jobs of each pipeline's function.
            role=self.role.without_policy_updates(),
        )
        self.function.node.add_dependency(self.role)
        acknowledge(self, _FINDINGS)

    def action(
        self,
        scope: Construct,
        *,
        role: iam.Role,
        service: ecs.IBaseService,
        container_name: str,
        image_pointer: ImagePointer,
        action_name: str = "Record",
        run_order: int = 1,
        image: str = "#{BuildVariables.IMAGE_URI}",
    ) -> codepipeline.IAction:
        """Make the action that records a pipeline's releases, and grant what it needs.

        It gives the variables ``Image``, ``Digest``, ``PreviousImage`` and ``TaskDefinition``, in
        the namespace ``<action_name>Variables``.

        Parameters
        ----------
        scope
            The pipeline construct. The role that the function takes for it is made below it.
        role
            The action's role; it gets ``lambda:InvokeFunction`` on the function.
        service
            The service that the pipeline deploys to.
        container_name
            The container that gets the image.
        image_pointer
            What to write.
        action_name
            The action's name.
        run_order
            Its place in the stage; after the deploy action's.
        image
            The image by digest. By default what the build exports as ``IMAGE_URI``, in the
            namespace ``BuildVariables``.

        Returns
        -------
        codepipeline.IAction
            The action.

        Raises
        ------
        ValueError
            If the action's name is not one, or the names are together too long for an action.
        """
        check_name(
            "action_name",
            action_name,
            pattern=r"[A-Za-z0-9_-]+",
            maximum=90,
            allowed="letters, digits, '_' and '-'",
        )
        recording = iam.Role(
            scope,
            f"{action_name}Recording",
            assumed_by=self._assumed_by,
            description="Looks at the service, writes its image pointer and marks its images",
        )
        names = service_names(service)
        _grant_look(recording, names)
        image_pointer.grant_read(recording)
        image_pointer.grant_write(recording)
        repository = image_pointer.repository
        if repository is not None:
            iam.Grant.add_to_principal(
                grantee=recording,
                actions=["ecr:BatchGetImage", "ecr:PutImage"],
                resource_arns=[repository_names(repository).arn],
            )
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["lambda:InvokeFunction"],
            resource_arns=[self.function.function_arn],
        )
        parameters = {
            "cluster": names.cluster,
            "service": names.service,
            "container": container_name,
            "image": image,
            "pointer": image_pointer.parameter_name,
            "previous": image_pointer.previous_parameter_name,
            "role": recording.role_arn,
            "timeout": str(self._timeout_seconds),
            **({"repository": repository_names(repository).name} if repository else {}),
        }
        _check_length(parameters)
        return actions.LambdaInvokeAction(
            action_name=action_name,
            run_order=run_order,
            lambda_=self.function,
            user_parameters=parameters,
            variables_namespace=f"{action_name}Variables",
            role=role.without_policy_updates(),
        )


def _grant_look(role: iam.Role, names: ServiceNames) -> None:
    """Allow to see what became of a deployment, and why."""
    # Not the service's own attribute, for the reason that DeployTarget has.
    path = f"{names.cluster}/{names.service}"
    ecs_arn = arn(role, "ecs", "")
    service_arn = f"{ecs_arn}service/{path}"
    deployments = f"{ecs_arn}service-deployment/{path}/*"
    revisions = f"{ecs_arn}service-revision/{path}/*"
    tasks = f"{ecs_arn}task/{names.cluster}/*"
    allow = partial(iam.Grant.add_to_principal, grantee=role)
    allow(
        actions=["ecs:DescribeServices", "ecs:ListServiceDeployments"], resource_arns=[service_arn]
    )
    allow(actions=["ecs:DescribeServiceDeployments"], resource_arns=[service_arn, deployments])
    allow(actions=["ecs:DescribeServiceRevisions"], resource_arns=[service_arn, revisions])
    allow(actions=["ecs:DescribeTasks"], resource_arns=[tasks])
    allow(
        actions=["ecs:ListTasks"],
        resource_arns=["*"],
        conditions={"ArnEquals": {"ecs:cluster": names.cluster_arn}},
    )
    allow(actions=["ecs:DescribeTaskDefinition"], resource_arns=["*"])
    acknowledge(
        role,
        ROLES,
        wildcards={
            "*": "ecs:DescribeTaskDefinition has no resource in IAM; ListTasks is bound to the "
            "cluster.",
            deployments: "The ids of the service's deployments arise with them.",
            revisions: "The ids of the service's revisions arise with them.",
            tasks: "The ids of tasks arise with them; the resource is bound to the cluster.",
        },
    )


def _check_length(parameters: dict[str, str]) -> None:
    """Reject names that are too long in any case; what a token stands for is not counted."""
    known = {key: "" if is_token(text) else text for key, text in parameters.items()}
    length = len(json.dumps(known, separators=(",", ":")))
    if length > _LONGEST_PARAMETERS:
        raise ValueError(
            f"the names of service, container and image pointer must fit into the "
            f"{_LONGEST_PARAMETERS} characters that an action takes, got {length}; shorten the "
            f"image pointer's parameter name"
        )
