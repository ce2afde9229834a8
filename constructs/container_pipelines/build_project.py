"""The CodeBuild project that turns a commit into an image."""

from collections.abc import Mapping
from typing import Final

import jsii
from aws_cdk import Aws, Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from container_pipelines._acknowledge import acknowledge, acknowledge_wildcard
from container_pipelines._checks import check_duration, check_name
from container_pipelines.buildspec import BuildSpecFile, build_file
from container_pipelines.docker_hub import DockerHubCredentials
from container_pipelines.ecr_repo import CACHE_TAG, LOGIN_REASON
from container_pipelines.scan_gate import ScanGate

_OWN_VARIABLES: Final = (
    "AWS_ACCOUNT_ID",
    "CACHE_TAG",
    "CONTAINER_NAME",
    "DOCKERHUB_TOKEN",
    "DOCKERHUB_USER",
    "IMAGE_REPO_NAME",
    "REPOSITORY_URI",
    "SCAN_GATE",
    "SCAN_GATE_PROGRAM",
)


@jsii.implements(iam.IGrantable)
class BuildProject(Construct):
    """A CodeBuild project that builds an image, pushes it, and says which digest to deploy.

    Its role may do what the job does and nothing else. It is the one thing to grant to:
    ``bucket.grant_read(build)`` and the like work; what is granted to ``build.project`` has no
    effect, so that nothing widens the role unseen.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    repository
        Where images are pushed, and where the layer cache is kept.
    build_spec
        A buildspec of your own; by default the library's ``buildspecs/build.yml``. It must leave
        ``imagedefinitions.json`` as its artifact. It finds the variables ``REPOSITORY_URI``,
        ``IMAGE_REPO_NAME``, ``AWS_ACCOUNT_ID``, ``CACHE_TAG`` and, from the pipeline,
        ``CONTAINER_NAME``.
    project_name
        The project's name; made by CloudFormation by default.
    description
        What the console shows.
    docker_hub
        How to log in to Docker Hub; without it base images are pulled anonymously.
    scan_gate
        Which findings of the scan of the pushed image fail the build; HIGH and above by default.
        ``ScanGate(mode=ScanGateMode.REPORT)`` only tells them. The repository must scan on push,
        as :class:`EcrRepo` does, or be scanned continuously. Not for a buildspec of your own.
    environment_variables
        Further variables. Parameters and secrets that they name are granted to the role; secrets
        in plain text are rejected.
    build_image
        The image that the build runs in; the newest Amazon Linux by default.
    compute_type
        The build machine; ``SMALL`` (2 vCPU, 4 GB) by default.
    privileged
        Whether the build may run a Docker engine; the library's buildspec needs it.
    timeout
        After which time a build is stopped, from 5 minutes to 36 hours; 30 minutes by default.
    log_retention
        How long logs are kept; one month by default.

    Attributes
    ----------
    project
        The CodeBuild project.
    role
        The role that builds run with.
    log_group
        Where builds log.
    repository
        Where images are pushed.

    Raises
    ------
    ValueError
        If a value is out of range, a variable would hide one of the library's, the library's
        buildspec is to run without privileged mode, or a scan gate is given with another buildspec.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository: ecr.IRepository,
        build_spec: codebuild.BuildSpec | None = None,
        project_name: str | None = None,
        description: str | None = None,
        docker_hub: DockerHubCredentials | None = None,
        scan_gate: ScanGate | None = None,
        environment_variables: Mapping[str, codebuild.BuildEnvironmentVariable] | None = None,
        build_image: codebuild.IBuildImage | None = None,
        compute_type: codebuild.ComputeType = codebuild.ComputeType.SMALL,
        privileged: bool = True,
        timeout: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
    ) -> None:
        if project_name is not None:
            check_name(
                "project_name",
                project_name,
                pattern=r"[A-Za-z0-9][A-Za-z0-9_-]*",
                minimum=2,
                maximum=150,
                allowed="letters, digits, '_' and '-', starting with a letter or digit",
            )
        timeout = timeout or Duration.minutes(30)
        check_duration(
            "timeout",
            timeout,
            minimum=Duration.minutes(5),
            maximum=Duration.hours(36),
            unit="minutes",
            default="stop a build after 30 minutes",
        )
        if build_spec is None and not privileged:
            raise ValueError(
                "'privileged' must be True for the library's buildspec, which runs a Docker "
                "engine, got False; omit it or give a 'build_spec' that needs none"
            )
        if build_spec is not None and scan_gate is not None:
            raise ValueError(
                "'scan_gate' must be left out with a 'build_spec' of your own, got both: the gate "
                "is a step of the library's buildspec; give one of the two"
            )
        extra = dict(environment_variables or {})
        hidden = sorted(set(extra) & set(_OWN_VARIABLES))
        if hidden:
            raise ValueError(
                f"'environment_variables' must not name what the library sets, got "
                f"{', '.join(hidden)}; choose other names (Docker Hub: use 'docker_hub')"
            )
        super().__init__(scope, construct_id)
        self.repository = repository
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"),
            description="Builds and pushes images",
        )
        self.log_group = logs.LogGroup(self, "Logs", retention=log_retention)
        variables = {
            "AWS_ACCOUNT_ID": codebuild.BuildEnvironmentVariable(value=Aws.ACCOUNT_ID),
            "IMAGE_REPO_NAME": codebuild.BuildEnvironmentVariable(value=repository.repository_name),
            "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(value=repository.repository_uri),
            "CACHE_TAG": codebuild.BuildEnvironmentVariable(value=CACHE_TAG),
            **(docker_hub.variables if docker_hub else {}),
            **(self._scan_gate(scan_gate or ScanGate()) if build_spec is None else {}),
            **extra,
        }
        self.project = codebuild.PipelineProject(
            self,
            "Project",
            project_name=project_name,
            description=description,
            build_spec=build_spec or BuildSpecFile("build.yml"),
            environment=codebuild.BuildEnvironment(
                build_image=build_image or codebuild.LinuxBuildImage.AMAZON_LINUX_2023_6,
                compute_type=compute_type,
                privileged=privileged,
            ),
            environment_variables=variables,
            timeout=timeout,
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self.log_group)
            ),
            # The L2 would add log groups that are not ours and report groups to the role.
            role=self.role.without_policy_updates(),
            grant_report_group_permissions=False,
        )
        self._grant_what_a_build_does(variables)
        if docker_hub is not None:
            docker_hub.grant_read(self.role)
        if privileged:
            acknowledge(
                self.project,
                "AwsSolutions-CB3",
                "Building an image takes a Docker engine, which needs privileged mode; CodeBuild "
                "runs each build on a machine of its own.",
            )
        acknowledge(
            self.project,
            "AwsSolutions-CB4",
            "The artifacts are the image's name and the findings of its scan, encrypted as the "
            "pipeline's bucket says: with the key that AWS manages for S3, or with its own.",
        )

    def _scan_gate(self, gate: ScanGate) -> dict[str, codebuild.BuildEnvironmentVariable]:
        program = s3_assets.Asset(self, "ScanGate", path=str(build_file("scan_gate.py")))
        iam.Grant.add_to_principal(
            grantee=self.role,
            actions=["s3:GetObject"],
            resource_arns=[program.bucket.arn_for_objects(program.s3_object_key)],
        )
        iam.Grant.add_to_principal(
            grantee=self.role,
            actions=["ecr:DescribeImageScanFindings"],
            resource_arns=[self.repository.repository_arn],
        )
        return {
            "SCAN_GATE": codebuild.BuildEnvironmentVariable(value=gate.settings()),
            "SCAN_GATE_PROGRAM": codebuild.BuildEnvironmentVariable(value=program.s3_object_url),
        }

    def _grant_what_a_build_does(
        self, variables: Mapping[str, codebuild.BuildEnvironmentVariable]
    ) -> None:
        self.repository.grant_pull_push(self.role)
        acknowledge_wildcard(self.role, "*", LOGIN_REASON)
        self.log_group.grant_write(self.role)
        # Grants the parameters and secrets that variables name; the rendering is the L2's own.
        codebuild.Project.serialize_env_variables(dict(variables), True, self.role)
        # CloudFormation must not start a build before its role may do anything.
        self.project.node.add_dependency(self.role)

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The role that builds run with."""
        return self.role
