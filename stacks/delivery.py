"""From settings to stacks."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import aws_cdk as cdk
import jsii
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from container_pipelines import SEED_IMAGE, LoadBalancedService
from stacks._mistakes import Mistake
from stacks.container_settings import Container
from stacks.log_settings import Logs
from stacks.monitoring_stack import MonitoringStack, Release
from stacks.pipeline_stack import PipelineStack
from stacks.platform_stack import PlatformStack
from stacks.registry_stack import RegistryStack
from stacks.rule_packs import check
from stacks.service_stack import ServiceStack
from stacks.settings import CONTEXT_KEY, Settings, SettingsError, source_of
from stacks.shared_stack import SharedStack
from stacks.source_settings import GitHubSource

if TYPE_CHECKING:
    from stacks.platform_settings import ExistingPlatform
    from stacks.service_settings import ExistingService


def add_delivery_stacks(app: cdk.App, settings: Settings) -> None:
    """Add the stacks that the settings ask for; each synthesis is checked by cdk-nag.

    Parameters
    ----------
    app
        The app.
    settings
        The settings.

    Raises
    ------
    SettingsError
        If a construct refuses what the settings ask for.
    """
    check(app, settings.rule_packs)
    if settings.logs.model_fields_set:
        cdk.Aspects.of(app).add(_LogGroups(settings.logs))
    place = settings.environment
    env = cdk.Environment(account=place.account, region=place.region) if place else None
    shared = SharedStack(
        app,
        f"{settings.name}-shared",
        connection=any(
            isinstance(service.source, GitHubSource) and service.source.connection_arn is None
            for service in settings.services
        ),
        env=env,
    )
    platform: PlatformStack | ExistingPlatform | None = settings.platform.existing
    if platform is None and any(s.existing_service is None for s in settings.services):
        platform = PlatformStack(
            app, f"{settings.name}-platform", settings=settings.platform, env=env
        )
    releases: list[Release] = []
    refused: list[Mistake] = []
    for number, service in enumerate(settings.services):
        with _noted(refused, "services", number):
            prefix = f"{settings.name}-{service.name}"
            container = service.container or Container()
            registry = RegistryStack(
                app,
                f"{prefix}-registry",
                service_name=service.name,
                settings=service.images,
                seed_image=container.seed_image or SEED_IMAGE,
                env=env,
            )
            target: LoadBalancedService | ExistingService
            if service.existing_service is not None:
                target = service.existing_service
            else:
                assert platform is not None  # noqa: S101 - made above for such a service
                target = ServiceStack(
                    app,
                    f"{prefix}-service",
                    settings=service,
                    platform=platform,
                    registry=registry,
                    env=env,
                ).service
            pipeline = PipelineStack(
                app,
                f"{prefix}-pipeline",
                settings=service,
                service=target,
                registry=registry,
                recorder=shared.recorder,
                drift_detector=shared.drift_detector,
                connection_arn=shared.connection_arn,
                platform=platform,
                env=env,
            ).pipeline
            releases.append(
                Release(name=service.name, pipeline=pipeline, alarms=service.monitoring)
            )
    if settings.monitoring.enabled and not refused:
        with _noted(refused, "monitoring"):
            MonitoringStack(
                app,
                f"{settings.name}-monitoring",
                app_name=settings.name,
                settings=settings.monitoring,
                releases=releases,
                drift_detector=shared.drift_detector,
                env=env,
            )
    if refused:
        raise SettingsError.of(source_of(app.node.try_get_context(CONTEXT_KEY)), refused)


@jsii.implements(cdk.IAspect)
class _LogGroups:
    """Gives every log group the settings that hold for all, whoever makes it."""

    def __init__(self, settings: Logs) -> None:
        self._settings = settings

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, logs.CfnLogGroup):
            node.retention_in_days = self._settings.retention_days
            node.kms_key_id = self._settings.kms_key_arn


@contextlib.contextmanager
def _noted(refused: list[Mistake], *place: int | str) -> Iterator[None]:
    """Note which settings a construct refuses, in its own words, and go on with the others."""
    try:
        yield
    except ValueError as error:
        refused.append(Mistake(place, str(error)))
