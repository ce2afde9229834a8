"""Every setting reaches a template.

The samples in samples/settings give each setting a value that is not its default. Here each is
taken away again, or changed where there is no default, and some template must be another one.
The stacks are made beside each other in one app for each service of the samples: an app for each
setting would take minutes.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from pydantic import BaseModel

from container_pipelines import (
    SEED_IMAGE,
    BlueGreenPipeline,
    EcsRollingPipeline,
    LoadBalancedService,
)
from stacks import Settings
from stacks.monitoring_stack import MonitoringStack, Release
from stacks.pipeline_stack import PipelineStack
from stacks.platform_settings import ExistingPlatform
from stacks.platform_stack import PlatformStack
from stacks.registry_stack import RegistryStack
from stacks.service_settings import ExistingService
from stacks.service_stack import ServiceStack
from stacks.shared_stack import SharedStack
from tests.setting_paths import setting_paths

FOLDER = Path(__file__).parents[2] / "samples" / "settings"
EVERYTHING, EXISTING = "everything.json", "existing.json"

ROLE = "arn:aws:iam::111122223333:role/another"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/another/1/2"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:another-AbCdEf"
OTHER: dict[str, Any] = {
    "platform.existing.vpc_id": "vpc-0a",
    "platform.existing.availability_zones": ["eu-west-1b", "eu-west-1c"],
    "platform.existing.private_subnet_ids": ["subnet-0a", "subnet-0b"],
    "platform.existing.cluster_name": "another",
    "platform.existing.listener_arn": LISTENER,
    "platform.existing.load_balancer_security_group_id": "sg-0a",
    "platform.existing.test_listener_arn": LISTENER,
    "platform.existing.test_url": "http://another.example.com:8080",
    "platform.max_availability_zones": 4,
    "platform.test_port": 9443,
    "monitoring.slack.parameter": "/another/parameter",
    "monitoring.slack.secret": "another/secret",
    "monitoring.chat_application.workspace_id": "T9876543210",
    "monitoring.chat_application.channel_id": "C9876543210",
    "monitoring.thresholds.<name>.periods": 4,
    "services.N.source.repository": lambda repository: f"{repository}-2",
    "services.N.blue_green.probe.path": lambda path: f"{path}?deep=1",
    "services.N.build.platforms": ["arm64"],
    "services.N.build.scan.allow.N.id": "CVE-2026-54321",
    "services.N.build.scan.allow.N.reason": "another reason",
    "services.N.build.scan.allow.N.expires": "2027-02-28",
    "services.N.monitoring.thresholds.<name>.periods": 4,
    "services.N.release.deployment_window.cron": "* * 8 ? * * *",
    "services.N.release.alarms.names": ["another"],
    "services.N.release.alarms.watch_minutes": 30,
    "services.N.images.existing_repository": "another",
    "services.N.build.docker_hub.secret": "another/secret",
    "services.N.container.secrets": {"API_KEY": f"{SECRET}:another"},
    "services.N.container.cpu": 512,
    "services.N.container.memory": 2048,
    "services.N.existing_service.cluster_name": "another",
    "services.N.existing_service.service_name": "another",
    "services.N.existing_service.container_name": "another",
    "services.N.existing_service.task_role_arns": [ROLE],
}
"""Another valid value of what has no default, or cannot be left out of a sample by itself."""

EXEMPT = {
    "services.N.source.type": "the samples have a service for each",
    "services.N.strategy": "the samples have a service for each",
    "services.N.blue_green.engine": "the samples have a service for each",
    "services.N.name": "names the stacks; test_snapshots.py has it",
    "name": "names the stacks; test_snapshots.py has it",
    "monitoring.enabled": "decides whether there is a stack; test_settings_monitoring.py has it",
    "logs.retention_days": "holds for all stacks; test_settings_logs.py has it",
    "logs.kms_key_arn": "holds for all stacks; test_settings_logs.py has it",
    "rule_packs": "changes no template; test_rule_packs.py has it",
    "environment.account": "is where the stacks go; test_stacks.py has it",
    "environment.region": "is where the stacks go; test_stacks.py has it",
    "services.N.container.read_only_root_filesystem": "goes with execute_command; "
    "test_settings_reach.py has it",
    "services.N.container.seed_image": "is the registry's; test_settings_reach.py has it",
}
"""What is not changed, and why."""

SERVICES = {
    "rolling": (EVERYTHING, "shop", []),
    "ecs": (EVERYTHING, "search", ["release", "container", "health_check", "scaling"]),
    "code-deploy": (EXISTING, "payments", ["release", "container", "health_check", "scaling"]),
    "existing": (EXISTING, "legacy", ["release"]),
    "every shift of code-deploy": (EVERYTHING, "checkout", []),
    "every setting of codecommit": (EXISTING, "accounts", []),
}
"""The service that is changed, with these sections of the first sample's first service.

So each setting meets each strategy, engine and source that could lose it. The build knows of no
strategy.
"""


WITH_ALL = ("rolling", "code-deploy")
"""Where the settings beside the services are changed as well, once for each sample."""


OF_THE_PIPELINE = {"source", "build", "release"}
OF_PULL_REQUESTS = {"pull_requests", "build", "source"}
OF_THE_SERVICE = {
    "container",
    "health_check",
    "scaling",
    "tasks",
    "path_pattern",
    "host_headers",
    "stickiness_minutes",
    "priority",
}
"""The sections of a service that one stack alone has to show. Others may be either's."""


class Setting(NamedTuple):
    """A setting that a sample gives: where it stands, and what it is when left out."""

    path: tuple[str | int, ...]
    default: Any

    @property
    def name(self) -> str:
        steps = ["N" if isinstance(step, int) else step for step in self.path]
        if "thresholds" in steps:
            steps[steps.index("thresholds") + 1] = "<name>"
        return ".".join(map(str, steps))


def given(model: BaseModel, *path: str | int) -> Iterator[Setting]:
    for name in sorted(model.model_fields_set):
        value = getattr(model, name)
        nested: Any = {(): value}
        if isinstance(value, list):
            nested = {(number,): item for number, item in enumerate(value)}
        elif isinstance(value, dict):
            nested = {(key,): item for key, item in value.items()}
        nested = {step: item for step, item in nested.items() if isinstance(item, BaseModel)}
        for step, item in nested.items():
            yield from given(item, *path, name, *step)
        if not nested:
            field = type(model).model_fields[name]
            yield Setting((*path, name), field.get_default(call_default_factory=True))


def sample(file: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads((FOLDER / file).read_text())
    return settings


def of_service(file: str, name: str, sections: list[str]) -> dict[str, Any]:
    """A sample with one of its services alone."""
    settings = sample(file)
    (service,) = [service for service in settings["services"] if service["name"] == name]
    shop = sample(EVERYTHING)["services"][0]
    settings["services"] = [{**{section: shop[section] for section in sections}, **service}]
    (own,) = settings["services"]
    if service["source"]["type"] == "codecommit" and "release" in sections:
        del own["release"]["triggers"]
    if service.get("strategy") == "blue-green" and "scaling" in sections:
        del own["scaling"]["requests_per_task"]
        own.pop("tasks", None)
    return settings


def without_pull_requests(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings without what is as much again to make, and has settings of its own."""
    (service,) = settings["services"]
    rest = {key: value for key, value in service.items() if key != "pull_requests"}
    return {**settings, "services": [rest]}


def with_another(settings: dict[str, Any], setting: Setting) -> dict[str, Any]:
    """The same settings with one other value."""
    result = copy.deepcopy(settings)
    *steps, last = setting.path
    inner: Any = result
    for step in steps:
        inner = inner[step]
    if setting.name in OTHER:
        other = OTHER[setting.name]
        inner[last] = other(inner[last]) if callable(other) else other
    else:
        assert inner[last] != setting.default, (
            f"the sample gives {setting.name} its default: give it another value there"
        )
        del inner[last]
    return result


class Stacks:
    """An app that gets the stacks of one changed setting after the other."""

    def __init__(self, context: Mapping[str, Any], base: dict[str, Any]) -> None:
        self._app = cdk.App(context=dict(context), tree_metadata=False)
        self._base = Settings.from_context(base)
        self._shared = SharedStack(self._app, "shared", connection=True, env=None)
        self._registry = self._make_registry("registry", self._base)
        self._existing = ExistingPlatform(**sample(EXISTING)["platform"]["existing"])
        # What is used by the stacks that are added, which may need another export of it.
        self._service = self._make_service("n999", self._base)
        self._pipeline = self._make_pipeline("n999", self._base, self._service)
        # A pipeline adds them to its service, which can have but one.
        blue_green = self._base.services[0].blue_green
        self._has_hooks = blue_green is not None and blue_green.probe is not None

    def add(self, name: str, settings: dict[str, Any], *path: str | int) -> None:
        """Add the stacks that a setting can change; all of them without one."""
        changed = Settings.from_context(settings)
        match path:
            case "platform", "existing", *_:
                self._make_service(name, changed)
            case "platform", *_:
                self._make_platform(name, changed)
            case "services", _, "images", *_:
                self._make_registry(f"{name}-registry", changed)
            case ("monitoring", *_) | ("services", _, "monitoring", *_):
                self._make_monitoring(name, changed)
            case "services", _, section, *_ if section in OF_THE_PIPELINE and not self._has_hooks:
                self._make_pipeline(name, changed, self._service)
            case "services", _, section, *_ if section in OF_THE_SERVICE:
                self._make_service(name, changed)
            case _:
                self._make_pipeline(name, changed, self._make_service(name, changed))
        if not path:
            self._make_registry(f"{name}-registry", changed)
            self._make_monitoring(name, changed)
            if changed.platform.existing is None:
                self._make_platform(name, changed)

    def templates(self) -> dict[str, Any]:
        folder = Path(self._app.synth().directory)
        return {
            file.name.removesuffix(".template.json"): json.loads(file.read_text())
            for file in folder.glob("*.template.json")
        }

    def _make_service(self, name: str, settings: Settings) -> LoadBalancedService | ExistingService:
        (service,) = settings.services
        if service.existing_service is not None:
            return service.existing_service
        # A listener for each, as the rules of one must not be in each other's way.
        existing = settings.platform.existing or self._existing
        own = {
            listener: getattr(existing, listener).replace("/app/", f"/app/{name}-")
            for listener in ("listener_arn", "test_listener_arn")
        }
        return ServiceStack(
            self._app,
            f"{name}-service",
            settings=service,
            platform=existing.model_copy(update=own),
            registry=self._registry,
            env=None,
        ).service

    def _make_registry(self, name: str, settings: Settings) -> RegistryStack:
        container = settings.services[0].container
        # Each pointer has a parameter of its own.
        return RegistryStack(
            self._app,
            name,
            service_name=f"{name.partition('-')[0]}-images",
            settings=settings.services[0].images,
            seed_image=(container.seed_image if container else None) or SEED_IMAGE,
            env=None,
        )

    def _make_pipeline(
        self, name: str, settings: Settings, service: LoadBalancedService | ExistingService
    ) -> EcsRollingPipeline | BlueGreenPipeline:
        return PipelineStack(
            self._app,
            f"{name}-pipeline",
            settings=settings.services[0],
            service=settings.services[0].existing_service or service,
            registry=self._registry,
            recorder=self._shared.recorder,
            drift_detector=self._shared.drift_detector,
            connection_arn=self._shared.connection_arn,
            platform=settings.platform.existing or self._existing,
            env=None,
        ).pipeline

    def _make_platform(self, name: str, settings: Settings) -> None:
        PlatformStack(self._app, f"{name}-platform", settings=settings.platform, env=None)

    def _make_monitoring(self, name: str, settings: Settings) -> None:
        release = Release(
            name="release", pipeline=self._pipeline, alarms=settings.services[0].monitoring
        )
        MonitoringStack(
            self._app,
            f"{name}-monitoring",
            app_name="app",
            settings=settings.monitoring,
            releases=[release],
            drift_detector=self._shared.drift_detector,
            env=None,
        )


STACK_NAME = re.compile(r"n\d{3}[\w-]*")
"""The name of a stack below, and what the CDK makes of it for resources without a name."""


def settings_of(service: str) -> list[Setting]:
    settings = Settings.from_context(of_service(*SERVICES[service]))
    return [
        setting
        for setting in given(settings)
        if setting.name not in EXEMPT and (service in WITH_ALL or setting.path[0] == "services")
    ]


@pytest.mark.parametrize(
    "service",
    # Nothing is shared: another worker may run the next.
    [
        pytest.param(name, marks=pytest.mark.xdist_group(f"every setting of {name}"))
        for name in SERVICES
    ],
)
def test_every_setting_changes_a_template(service: str, context: dict[str, Any]) -> None:
    full = of_service(*SERVICES[service])
    lean = without_pull_requests(full)
    stacks = Stacks(context, lean)
    stacks.add("n000", full)
    stacks.add("n001", full)  # must make no difference
    stacks.add("n002", lean)
    changes = {f"n{n:03}": setting for n, setting in enumerate(settings_of(service), start=3)}
    bases = {"n001": "n000"}
    for name, setting in changes.items():
        of_both = OF_PULL_REQUESTS & set(setting.path)
        bases[name] = "n000" if of_both else "n002"
        stacks.add(name, with_another(full if of_both else lean, setting), *setting.path)
    templates = {
        name: STACK_NAME.sub("", json.dumps(template))
        for name, template in stacks.templates().items()
    }
    different = set()
    for stack, template in templates.items():
        name, _, kind = stack.partition("-")
        if kind and name in bases and template != templates[f"{bases[name]}-{kind}"]:
            different.add(name)
    assert "n001" not in different
    assert [s.name for name, s in changes.items() if name not in different] == []


def test_the_samples_have_every_setting() -> None:
    samples = [Settings.from_context(sample(file)) for file in (EVERYTHING, EXISTING)]
    known = {setting.name for settings in samples for setting in given(settings)}
    wanted = {path for path, _, leaf in setting_paths() if leaf}
    assert wanted
    assert wanted - known == set(), "give these a value in samples/settings, not their default"
