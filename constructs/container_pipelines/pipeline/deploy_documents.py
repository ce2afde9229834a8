"""The files that CodeDeploy deploys from, and the part of the build that writes them.

A build writes three files into a separate artifact: ``taskdef.json``, ``appspec.yaml`` and
``imageDetail.json``. What they say comes from the CDK objects: a parameter in the service's stack
names the task definition that CloudFormation registered, with the settings of the last
``cdk deploy``. Newer revisions of the family are those of releases, and are not looked at.
"""

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm

from container_pipelines._acknowledge import acknowledge_wildcards
from container_pipelines.build.build_project import BuildProject
from container_pipelines.service.code_deploy_target import CodeDeployTarget
from container_pipelines.service.validation_hooks import BoundHook

DEPLOY_ARTIFACT: Final = "Deploy"
"""The artifact of the deploy files; CodeDeploy takes one of up to 3 MB."""

_TASK_DEFINITION: Final = "<TASK_DEFINITION>"

# With several outputs an action takes the secondary artifacts alone, by the outputs' names.
# https://docs.aws.amazon.com/codebuild/latest/userguide/sample-pipeline-multi-input-output.html
_OUTPUTS: Final = f"""\
  secondary-artifacts:
    Build:
      base-directory: .container-artifact
      files:
        - '**/*'
    {DEPLOY_ARTIFACT}:
      base-directory: .container-deploy-files
      files:
        - taskdef.json
        - appspec.yaml
        - imageDetail.json
"""


def app_spec(
    *,
    container_name: str,
    container_port: int,
    platform_version: str | None = "LATEST",
    capacity_providers: Sequence[dict[str, Any]] = (),
    hooks: Sequence[BoundHook] = (),
) -> dict[str, Any]:
    """Build the AppSpec: the target of a deployment, and its hooks.

    Parameters
    ----------
    container_name
        The container that gets the traffic.
    container_port
        The port that it listens on.
    platform_version
        Fargate's platform version; None on EC2.
    capacity_providers
        The capacity provider strategy, which new tasks would not have otherwise.
    hooks
        The functions that decide.

    Returns
    -------
    dict[str, Any]
        The content of ``appspec.yaml``, but for its version, which no JSON keeps as ``0.0``.
        CodePipeline puts the revision that it registers in the place of ``<TASK_DEFINITION>``.

    Notes
    -----
    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
    """
    properties: dict[str, Any] = {
        "TaskDefinition": _TASK_DEFINITION,
        "LoadBalancerInfo": {"ContainerName": container_name, "ContainerPort": container_port},
    }
    if platform_version is not None:
        properties["PlatformVersion"] = platform_version
    if capacity_providers:
        properties["CapacityProviderStrategy"] = list(capacity_providers)
    document: dict[str, Any] = {
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}}],
    }
    if hooks:
        document["Hooks"] = [
            {hook.at.lifecycle_event: hook.function.function_name} for hook in hooks
        ]
    return document


def have_deploy_files_written(
    build: BuildProject,
    granted: iam.Role | iam.Policy,
    target: CodeDeployTarget,
    hooks: Sequence[BoundHook],
) -> dict[str, str]:
    """Have each build of a project write the deploy files of a service.

    Your own buildspec must do it itself: run the program that ``BUILD_PROGRAM`` names, as
    ``python3 -I program deploy-files`` when ``IMAGE_URI`` is set, and name ``Build`` and ``Deploy``
    in ``secondary-artifacts`` (the latter with the base directory ``.container-deploy-files``).

    Parameters
    ----------
    build
        The project.
    granted
        Its role, or a policy of it, which may read what the files are made of.
    target
        The service. The parameter is made below it.
    hooks
        The functions that decide over a deployment.

    Returns
    -------
    dict[str, str]
        The variables for the pipeline's build action.
    """
    definition = target.service.task_definition
    parameter = ssm.StringParameter(
        target.service,
        "DeployFiles",
        description="What releases deploy the service with: its task definition and AppSpec",
        string_value=Stack.of(target.service).to_json_string(
            {
                "taskDefinition": definition.task_definition_arn,
                "container": target.container_name,
                "appSpec": app_spec(
                    container_name=target.container_name,
                    container_port=target.container_port,
                    platform_version=target.platform_version,
                    capacity_providers=target.capacity_providers,
                    hooks=hooks,
                ),
            }
        ),
    )
    for actions, resource in (
        (["ssm:GetParameter"], parameter.parameter_arn),
        (["ecs:DescribeTaskDefinition"], "*"),
    ):
        iam.Grant.add_to_principal(grantee=granted, actions=actions, resource_arns=[resource])
    acknowledge_wildcards(granted, {"*": "ecs:DescribeTaskDefinition has no resource in IAM."})
    variables = {"DEPLOY_FILES_PARAMETER": parameter.parameter_name}
    if build.has_own_buildspec:
        return {**variables, **build.carry_program()}
    project = build.project.node.default_child
    assert isinstance(project, codebuild.CfnProject)  # noqa: S101 - for the type checker
    source = Stack.of(build).resolve(project.source)
    text = source["buildSpec"] if isinstance(source, dict) else source.build_spec
    project.add_property_override("Source.BuildSpec", text + _OUTPUTS)
    return variables
