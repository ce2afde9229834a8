"""The CodeBuild project that turns a commit into an image."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

import jsii
from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from container_pipelines._acknowledge import acknowledge, acknowledge_wildcards
from container_pipelines._assets import build_program
from container_pipelines._checks import check_duration, check_name, check_range
from container_pipelines._findings import LOGS, ROLES
from container_pipelines._once import repository_names
from container_pipelines._trust import service_of_this_account
from container_pipelines._types import checked
from container_pipelines.build._network import grant_network_interfaces
from container_pipelines.build.build_report import BuildReport, report_folders
from container_pipelines.build.buildspec import BuildSpecFile, PhaseCommands
from container_pipelines.build.docker_build import DockerBuild
from container_pipelines.build.docker_hub import DockerHubCredentials, PullThroughCache
from container_pipelines.build.scan_gate import ScanGate
from container_pipelines.registry.ecr_repo import CACHE_TAG, LOGIN_REASON

_MOST_REPORTS: Final = 5
_OWN_VARIABLES: Final = re.compile(
    r"(AWS_ACCOUNT_ID|BUILD_FOLDER|BUILD_OPTIONS|BUILD_PATH|BUILD_PLATFORMS|BUILD_PROGRAM"
    r"|BUILD_PROGRAM_SHA256|BUILD_PYTHON|BUILD_SECRET_\d+|CACHE_FROM|CACHE_TAG|COMMIT_ID"
    r"|CONTAINER_NAME|DEPLOY_FILES_PARAMETER|DOCKERHUB_TOKEN|DOCKERHUB_USER|IMAGE_DIGEST|IMAGE_REPO_NAME"
    r"|IMAGE_TAG|IMAGE_URI|LIVE_IMAGE_PARAMETER|PREVIOUS_IMAGE_PARAMETER|PULL_THROUGH_CACHE"
    r"|RELEASE_IMAGE|REPORT_FOLDERS|REPOSITORY_URI|SBOM_GENERATOR|SCAN_GATE|SOURCE_URL|TEST_COMMAND"
    r"|VERIFY_ONLY)"
)

_FINDINGS: Final = {
    **ROLES,
    **LOGS,
    "AwsSolutions-CB4": "The artifacts are the image's name and the findings of its scan, "
    "encrypted as the pipeline's bucket says: with the key that AWS manages for S3, or with its "
    "own.",
    "CodeBuildProjectSourceRepoUrl": "The project knows no code host and has no credentials for "
    "one: CodePipeline hands it the commit, which it takes through a connection or CodeCommit.",
}


@checked()
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
    cache_from
        A repository of the same registry whose layer cache is read as well, and never written:
        that of releases, for builds of pull requests. None by default.
    build_spec
        A buildspec of your own, or ``BuildSpec.from_source_filename("buildspec.yml")`` for the
        repository's; by default the library's ``buildspecs/build.yml``. It must

        - release what ``RELEASE_IMAGE`` says: build for ``new``; for ``previous`` take the image
          that the parameter ``PREVIOUS_IMAGE_PARAMETER`` names, for a digest that one, and build
          nothing. A rollback and the drift detector rely on it;
        - export ``IMAGE_URI`` (``env: exported-variables``), the image by its digest, which the
          release records;
        - leave ``imagedefinitions.json`` as its artifact.

        It finds the variables ``REPOSITORY_URI``, ``IMAGE_REPO_NAME``, ``AWS_ACCOUNT_ID``,
        ``CACHE_TAG`` and, from the pipeline, ``CONTAINER_NAME``.
    project_name
        The project's name; made by CloudFormation by default.
    description
        What the console shows.
    docker_build
        Dockerfile, context, target, arguments, secrets, platforms, test, bill of materials; by
        default the Dockerfile in the source's root, for x86-64. Not for a buildspec of your own.
    docker_hub
        How to get base images from Docker Hub: with a login, or through a pull-through cache;
        anonymously by default.
    scan_gate
        Which findings of the scan of the pushed image fail the build; HIGH and above by default.
        ``ScanGate(mode=ScanGateMode.REPORT)`` only reports them. The repository must scan on push,
        as :class:`EcrRepo` does, or be scanned continuously. Not for a buildspec of your own.
    commands
        Commands of your own in the phases of the library's buildspec; none by default.
    reports
        Up to five reports that CodeBuild keeps of each build; none by default. Not for a buildspec
        of your own.
    environment_variables
        Further variables. Parameters and secrets that they name are granted to the role; secrets
        in plain text are rejected.
    build_image
        The image that the build runs in; the newest Amazon Linux by default, for ARM where the
        image is for ARM alone.
    compute_type
        The build machine; ``SMALL`` (2 vCPU, 4 GB) by default.
    privileged
        Whether the build may run a Docker engine; the library's buildspec needs it.
    vpc
        The VPC whose private resources a build may reach; none by default. Builds then reach the
        internet through the VPC alone, by a NAT gateway.
    vpc_subnets
        The subnets of the VPC; the private ones by default.
    security_groups
        The security groups of builds in the VPC; one of their own by default.
    concurrent_builds
        How many builds of the project may run at a time. Without it CodeBuild queues what is above
        the account's quota; with it, it refuses what is above, and the pipeline's stage fails.
    queued_timeout
        How long a build may wait for a machine, from 5 minutes to 8 hours; 8 hours by default.
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
    has_own_buildspec
        Whether it runs a buildspec of yours.
    platforms
        What its images are for, such as ``linux/amd64``; nothing where a custom buildspec decides.

    Raises
    ------
    ValueError
        If a value is out of range, a variable would hide one of the library's, the library's
        buildspec is to run without privileged mode, an option of the library's buildspec is given
        with another one, or an option of a VPC without a VPC.

    Notes
    -----
    CodeBuild's own retries are left out: it does not retry what a pipeline has started
    (https://docs.aws.amazon.com/codebuild/latest/userguide/auto-retry-build.html). The pipeline
    can: see ``retry_build`` of :class:`PipelineControls`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository: ecr.IRepository,
        cache_from: ecr.IRepository | None = None,
        build_spec: codebuild.BuildSpec | None = None,
        project_name: str | None = None,
        description: str | None = None,
        docker_build: DockerBuild | None = None,
        docker_hub: DockerHubCredentials | PullThroughCache | None = None,
        scan_gate: ScanGate | None = None,
        commands: PhaseCommands | None = None,
        reports: Sequence[BuildReport] = (),
        environment_variables: Mapping[str, codebuild.BuildEnvironmentVariable] | None = None,
        build_image: codebuild.IBuildImage | None = None,
        compute_type: codebuild.ComputeType = codebuild.ComputeType.SMALL,
        privileged: bool = True,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        concurrent_builds: int | None = None,
        queued_timeout: Duration | None = None,
        timeout: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
    ) -> None:
        timeout = timeout or Duration.minutes(30)
        extra = dict(environment_variables or {})
        _check(
            project_name=project_name,
            timeout=timeout,
            queued_timeout=queued_timeout,
            concurrent_builds=concurrent_builds,
            variables=list(extra),
            reports=reports,
        )
        if build_spec is None and not privileged:
            raise ValueError(
                "'privileged' must be True for the library's buildspec, which runs a Docker "
                "engine, got False; omit it or give a 'build_spec' that needs none"
            )
        if build_spec is not None:
            _refuse_with_own_buildspec(
                docker_build=docker_build, scan_gate=scan_gate, commands=commands, reports=reports
            )
        if vpc is None and (vpc_subnets is not None or security_groups):
            raise ValueError(
                "'vpc_subnets' and 'security_groups' must be given with 'vpc', got no 'vpc'; give "
                "the VPC that they belong to"
            )
        docker_build, scan_gate = docker_build or DockerBuild(), scan_gate or ScanGate()
        super().__init__(scope, construct_id)
        self.repository = repository
        self.has_own_buildspec = build_spec is not None
        self._own_buildspec = build_spec
        self.platforms = [] if build_spec else [str(name) for name in docker_build.platforms]
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=service_of_this_account(self, "codebuild.amazonaws.com"),
            description="Builds and pushes images",
        )
        self.log_group = logs.LogGroup(self, "Logs", retention=log_retention)
        variables = {
            "AWS_ACCOUNT_ID": codebuild.BuildEnvironmentVariable(value=Aws.ACCOUNT_ID),
            "IMAGE_REPO_NAME": codebuild.BuildEnvironmentVariable(
                value=repository_names(repository).name
            ),
            "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(value=repository.repository_uri),
            "CACHE_TAG": codebuild.BuildEnvironmentVariable(value=CACHE_TAG),
            **(_cache_from(cache_from) if cache_from else {}),
            **(docker_hub.variables(repository) if docker_hub else {}),
            **(
                {
                    **{
                        name: codebuild.BuildEnvironmentVariable(value=value)
                        for name, value in self.carry_program().items()
                    },
                    **self._scan_gate(scan_gate),
                    **docker_build.variables(),
                    **_report_folders(reports),
                }
                if build_spec is None
                else {}
            ),
            **extra,
        }
        self.project = codebuild.PipelineProject(
            self,
            "Project",
            project_name=project_name,
            description=description,
            build_spec=build_spec or BuildSpecFile("build.yml", commands=commands, reports=reports),
            environment=codebuild.BuildEnvironment(
                build_image=build_image or _build_image(on_arm=docker_build.runs_on_arm),
                compute_type=compute_type,
                privileged=privileged,
            ),
            environment_variables=variables,
            vpc=vpc,
            subnet_selection=vpc_subnets,
            security_groups=list(security_groups) or None,
            concurrent_build_limit=concurrent_builds,
            queued_timeout=queued_timeout,
            timeout=timeout,
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self.log_group)
            ),
            # The L2 would add log groups that are not ours and report groups to the role.
            role=self.role.without_policy_updates(),
            grant_report_group_permissions=False,
        )
        self._grant_what_a_build_does(variables)
        reasons = [LOGIN_REASON]
        if vpc is not None:
            reasons.append("Neither do the ec2:Describe actions.")
        if scan_gate.enhanced_scanning:
            reasons.append("Neither do those by which Amazon Inspector lists findings.")
        acknowledge_wildcards(self.role, {"*": " ".join(reasons)})
        if cache_from is not None:
            cache_from.grant_pull(self.role)
        if docker_hub is not None:
            docker_hub.grant_pull(self.role)
        for secret in docker_build.secrets.values():
            secret.grant_read(self.role)
        for report in reports:
            report.group.grant_write(self.role)
        if vpc is not None:
            grant_network_interfaces(self.role, self.project, vpc, vpc_subnets)
        acknowledge(self, _FINDINGS)

    def _scan_gate(self, gate: ScanGate) -> dict[str, codebuild.BuildEnvironmentVariable]:
        iam.Grant.add_to_principal(
            grantee=self.role,
            actions=["ecr:DescribeImageScanFindings"],
            resource_arns=[repository_names(self.repository).arn],
        )
        if gate.enhanced_scanning:
            iam.Grant.add_to_principal(
                grantee=self.role,
                actions=["inspector2:ListCoverage", "inspector2:ListFindings"],
                resource_arns=["*"],
            )
        return {"SCAN_GATE": codebuild.BuildEnvironmentVariable(value=gate.settings())}

    def _grant_what_a_build_does(
        self, variables: Mapping[str, codebuild.BuildEnvironmentVariable]
    ) -> None:
        self.repository.grant_pull_push(self.role)
        self.log_group.grant_write(self.role)
        # Grants the parameters and secrets that variables name; the rendering is the L2's own.
        plain = (None, codebuild.BuildEnvironmentVariableType.PLAINTEXT)
        stored = {name: value for name, value in variables.items() if value.type not in plain}
        if stored:
            codebuild.Project.serialize_env_variables(stored, True, self.role)
        # CloudFormation must not start a build before its role may do anything. Not the whole L2
        # waits: the role names the security group that the L2 makes.
        project = self.project.node.default_child
        assert project is not None  # noqa: S101 - for the type checker: an L2 has its resource
        project.node.add_dependency(self.role)

    def carry_program(self) -> dict[str, str]:
        """Let builds fetch the library's program, and check it by its digest.

        Returns
        -------
        dict[str, str]
            The variables that name it, ``BUILD_PROGRAM`` and ``BUILD_PROGRAM_SHA256``. With the
            library's buildspec the project has them anyway.
        """
        program = build_program()
        asset = self.node.try_find_child("Program")
        if not isinstance(asset, s3_assets.Asset):
            asset = s3_assets.Asset(self, "Program", path=str(program.path))
            iam.Grant.add_to_principal(
                grantee=self.role,
                actions=["s3:GetObject"],
                resource_arns=[asset.bucket.arn_for_objects(asset.s3_object_key)],
            )
        return {"BUILD_PROGRAM": asset.s3_object_url, "BUILD_PROGRAM_SHA256": program.sha256}

    def known_buildspec(self) -> str | None:
        """Give a buildspec of yours as far as it is known.

        Returns
        -------
        str | None
            Its text; None of the library's, and of one that stands in the repository.
        """
        own = self._own_buildspec
        if own is None or not own.is_immediate:
            return None
        found = Stack.of(self).resolve(own.to_build_spec(self))
        # With something in it that only the deployment knows it is no text.
        return found if isinstance(found, str) else json.dumps(found)

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The role that builds run with."""
        return self.role


def _cache_from(repository: ecr.IRepository) -> dict[str, codebuild.BuildEnvironmentVariable]:
    value = f"{repository.repository_uri}:{CACHE_TAG}"
    return {"CACHE_FROM": codebuild.BuildEnvironmentVariable(value=value)}


def _report_folders(
    reports: Sequence[BuildReport],
) -> dict[str, codebuild.BuildEnvironmentVariable]:
    if not (folders := report_folders(reports)):
        return {}
    value = json.dumps(folders, separators=(",", ":"))
    return {"REPORT_FOLDERS": codebuild.BuildEnvironmentVariable(value=value)}


@functools.cache
def _build_image(*, on_arm: bool) -> codebuild.IBuildImage:
    # By their ids: versions of AWS CDK that this library supports have no names for the newest yet.
    if on_arm:
        return codebuild.LinuxArmBuildImage.from_code_build_image_id(
            "aws/codebuild/amazonlinux-aarch64-standard:4.0"
        )
    return codebuild.LinuxBuildImage.from_code_build_image_id(
        "aws/codebuild/amazonlinux-x86_64-standard:6.0"
    )


def _refuse_with_own_buildspec(**options: object) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise ValueError(
            f"'{given[0]}' must be left out with a 'build_spec' of your own, got both: it is for "
            f"the library's buildspec; give one of the two"
        )


def _check(
    *,
    project_name: str | None,
    timeout: Duration,
    queued_timeout: Duration | None,
    concurrent_builds: int | None,
    variables: Sequence[str],
    reports: Sequence[BuildReport],
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
    check_duration(
        "timeout",
        timeout,
        minimum=5,
        maximum=36 * 60,
        unit="minutes",
        default="stop a build after 30 minutes",
    )
    if queued_timeout is not None:
        check_duration(
            "queued_timeout",
            queued_timeout,
            minimum=5,
            maximum=8 * 60,
            unit="minutes",
            default="let builds wait for 8 hours",
        )
    if concurrent_builds is not None:
        check_range(
            "concurrent_builds",
            concurrent_builds,
            minimum=1,
            maximum=10_000,
            default="leave it to the account's quota",
        )
    hidden = sorted(name for name in variables if _OWN_VARIABLES.fullmatch(name))
    if hidden:
        raise ValueError(
            f"'environment_variables' must not name what the library sets, got "
            f"{', '.join(hidden)}; choose other names (Docker Hub: use 'docker_hub', secrets of "
            f"the Dockerfile: 'docker_build')"
        )
    if len(reports) > _MOST_REPORTS:
        raise ValueError(
            f"'reports' must be at most {_MOST_REPORTS}, which is what CodeBuild takes, got "
            f"{len(reports)}; let several formats share a group by their files"
        )
