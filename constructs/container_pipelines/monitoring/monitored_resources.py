"""The resources that are monitored: a pipeline and what it deploys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from constructs import Construct

from container_pipelines._checks import check_name, is_token
from container_pipelines._once import place_of, service_names, stack_of
from container_pipelines.build.build_project import BuildProject


@runtime_checkable
class ReleasePipeline(Protocol):
    """A pipeline construct, with the build and the service that belong to its pipeline.

    The pipeline constructs of this library are such; yours is, if it has these attributes. What it
    has as ``target_groups`` and ``deployment_group`` is monitored as well.
    """

    @property
    def pipeline(self) -> codepipeline.IPipeline:
        """The pipeline."""

    @property
    def build(self) -> BuildProject:
        """The build project."""

    @property
    def service(self) -> ecs.IBaseService:
        """The service that it deploys to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredResources:
    """The resources to monitor; what is None is not monitored.

    Parameters
    ----------
    name
        The name that alarms and messages use.
    pipeline, project, service, target_groups, repository, deployment_group
        The resources.
    build_log_group
        Where the project logs.

    Attributes
    ----------
    pipeline_name, project_name, cluster_name, cluster_arn, service_name
        What events, metrics and permissions name; empty without such a resource.
    target_dimensions
        The dimensions of each target group's metrics.
    """

    name: str
    pipeline: codepipeline.IPipeline | None
    project: codebuild.IProject | None
    build_log_group: logs.ILogGroup | None
    service: ecs.IBaseService | None
    target_groups: tuple[elbv2.IApplicationTargetGroup, ...]
    repository: ecr.IRepository | None
    deployment_group: codedeploy.IEcsDeploymentGroup | None
    pipeline_name: str = field(init=False, default="")
    project_name: str = field(init=False, default="")
    cluster_name: str = field(init=False, default="")
    cluster_arn: str = field(init=False, default="")
    service_name: str = field(init=False, default="")
    target_dimensions: tuple[tuple[tuple[str, str], ...], ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        # Dozens of metrics, rules and statements name them, and each time that the CDK is asked
        # is a message to another process.
        found: dict[str, object] = {}
        if self.pipeline is not None:
            found["pipeline_name"] = self.pipeline.pipeline_name
        if self.project is not None:
            found["project_name"] = self.project.project_name
        if self.service is not None:
            names = service_names(self.service)
            found["cluster_name"] = names.cluster
            found["cluster_arn"] = names.cluster_arn
            found["service_name"] = names.service
        found["target_dimensions"] = tuple(map(_dimensions, self.target_groups))
        for attribute, value in found.items():
            object.__setattr__(self, attribute, value)

    @staticmethod
    def of(
        *,
        name: str,
        pipeline: codepipeline.IPipeline | ReleasePipeline | None,
        build: codebuild.IProject | BuildProject | None,
        service: ecs.IBaseService | None,
        target_groups: Sequence[elbv2.IApplicationTargetGroup],
        repository: ecr.IRepository | None,
        deployment_group: codedeploy.IEcsDeploymentGroup | None,
    ) -> MonitoredResources:
        """Take from a pipeline construct what the caller has left out.

        Parameters
        ----------
        name, pipeline, build, service, target_groups, repository, deployment_group
            As the caller has given them.

        Returns
        -------
        MonitoredResources
            The resources to monitor.

        Raises
        ------
        ValueError
            If the name cannot start an alarm's name, there is nothing to monitor, there are
            more than two target groups, or the load balancer of one is not known.
        """
        check_name(
            "name",
            name,
            pattern=r"[A-Za-z0-9._/-]+",
            maximum=200,
            allowed="letters, digits, '.', '_', '/' and '-'",
        )
        if isinstance(pipeline, ReleasePipeline):
            build, service = build or pipeline.build, service or pipeline.service
            # Not every pipeline construct has these.
            target_groups = target_groups or getattr(pipeline, "target_groups", ())
            deployment_group = deployment_group or getattr(pipeline, "deployment_group", None)
            pipeline = pipeline.pipeline
        log_group = None
        if isinstance(build, BuildProject):
            repository, log_group = repository or build.repository, build.log_group
            build = build.project
        if not (pipeline or build or service or target_groups or repository or deployment_group):
            raise ValueError(
                "'pipeline', 'build', 'service', 'target_groups', 'repository' or "
                "'deployment_group' must be given, got none; give the resources to monitor"
            )
        _check_number(target_groups)
        return MonitoredResources(
            name=name,
            pipeline=pipeline,
            project=build,
            build_log_group=log_group,
            service=service,
            target_groups=tuple(target_groups),
            repository=repository,
            deployment_group=deployment_group,
        )

    def check_region(self, scope: Construct) -> None:
        """Reject a stack in a region that the resources' events and metrics do not reach.

        Parameters
        ----------
        scope
            Where rules and alarms are to be.

        Raises
        ------
        ValueError
            If a resource is known to be in another region than the stack.
        """
        region = place_of(stack_of(scope)).region
        if is_token(region):
            return
        regions = [
            (parameter, resource.env.region)
            for parameter, resource in (
                ("pipeline", self.pipeline),
                ("build", self.project),
                ("service", self.service),
                ("repository", self.repository),
            )
            if resource is not None
        ] + [("target_groups", place_of(stack_of(group)).region) for group in self.target_groups]
        for parameter, there in regions:
            if is_token(there) or there == region:
                continue
            raise ValueError(
                f"'{parameter}' must be in the region of the stack that monitors it, {region}, got "
                f"{there}: neither its events nor its metrics leave its region; monitor it from a "
                f"stack there"
            )


def _check_number(groups: Sequence[elbv2.IApplicationTargetGroup]) -> None:
    if len(groups) > 2:
        raise ValueError(
            f"'target_groups' must be at most the two of one service, got {len(groups)}; give "
            f"each service its own PipelineAlarms"
        )


def _dimensions(group: elbv2.IApplicationTargetGroup) -> tuple[tuple[str, str], ...]:
    try:
        metrics = group.metrics
    except RuntimeError:
        raise ValueError(
            f"'target_groups' must have a load balancer, which their metrics are kept by, got "
            f"'{group.node.path}' without one; attach it to a listener before, or import it "
            f"with 'load_balancer_arns'"
        ) from None
    # Every metric of a group has them.
    return tuple(sorted((metrics.request_count().dimensions or {}).items()))
