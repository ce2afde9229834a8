"""The settings of the app: the context key ``delivery``."""

from __future__ import annotations

import difflib
import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

from aws_cdk import region_info
from pydantic import Field

from stacks._listener_rules import matches
from stacks._mistakes import Mistake, mistake, mistakes_of
from stacks._model import Model, longest, text
from stacks.log_settings import Logs
from stacks.monitoring_settings import Monitoring
from stacks.platform_settings import Platform
from stacks.rule_packs import RulePack  # noqa: TC001 - pydantic reads it
from stacks.service_settings import Name, Service  # noqa: TC001 - pydantic reads it

CONTEXT_KEY: Final = "delivery"


class SettingsError(ValueError):
    """The settings are not usable; the message names each, what is allowed, and what was given."""

    @classmethod
    def of(cls, source: str, mistakes: list[Mistake]) -> SettingsError:
        """Make one of all that is wrong.

        Parameters
        ----------
        source
            Where the settings come from, as the person knows it who gave them.
        mistakes
            What is wrong.

        Returns
        -------
        SettingsError
            The error.
        """
        number = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        head = f"{source}: {number}; docs/settings.md has every setting"
        return cls("\n  ".join([head, *map(str, mistakes)]))


class Environment(Model):
    """Where the stacks go; by default to the account and region of the CLI's credentials."""

    account: Annotated[str, text(r"\d{12}", "an account's 12 digits, in quotes", maximum=12)]
    region: str

    def mistakes(self) -> Iterator[Mistake]:
        """Find a region that there is not."""
        if self.region not in _regions():
            close = difflib.get_close_matches(self.region, _regions(), n=1)
            hint = f"did you mean '{close[0]}'?" if close else "write it like 'eu-west-1'"
            yield mistake(
                "region", f"must be a region that AWS CDK knows, got '{self.region}': {hint}"
            )


class Settings(Model):
    """All settings of the app."""

    name: Annotated[Name, longest(25)] = "delivery"
    """What every stack's name starts with."""
    environment: Environment | None = None
    platform: Platform = Platform()
    logs: Logs = Logs()
    monitoring: Monitoring = Monitoring()
    rule_packs: list[RulePack] = []
    """What cdk-nag checks beside its pack AWS Solutions; docs/reviews.md."""
    services: Annotated[list[Service], Field(min_length=1)]

    def mistakes(self) -> Iterator[Mistake]:
        """Find services that are in each other's way, or miss what all of them share."""
        yield from self._names()
        yield from self._rules()
        yield from self._repositories()
        yield from self._probes()
        yield from self._places()
        yield from self._alarms()

    def _names(self) -> Iterator[Mistake]:
        taken: dict[str, int] = {}
        for number, service in enumerate(self.services):
            names = [service.name]
            if service.pull_requests is not None:
                names.append(f"{service.name}-pull-requests")
            for name in names:
                other = taken.setdefault(name, number)
                if other != number:
                    yield mistake(
                        f"services.{number}.name",
                        f"must be unique with its build projects and pipelines, got '{name}', "
                        f"which services[{other}] has as well: rename one",
                        reads=[f"services.{other}", f"services.{number}.pull_requests"],
                    )

    def _repositories(self) -> Iterator[Mistake]:
        made = any(service.existing_service is None for service in self.services)
        taken = {service.name: number for number, service in enumerate(self.services)}
        for number, service in enumerate(self.services):
            name = service.images.existing_repository
            if name is not None and taken.setdefault(name, number) != number:
                yield mistake(
                    f"services.{number}.images.existing_repository",
                    f"must be the repository of one service, got '{name}', which "
                    f"services[{taken[name]}] has: releases mark in it which image is live",
                    reads=[f"services.{taken[name]}"],
                )
            if service.build.in_vpc and not made and self.platform.existing is None:
                yield mistake(
                    f"services.{number}.build.in_vpc",
                    "must come with platform.existing, the VPC that builds run in, where the app "
                    "makes no platform",
                    reads=["platform", "services"],
                )

    def _rules(self) -> Iterator[Mistake]:
        made = [(n, s) for n, s in enumerate(self.services) if s.existing_service is None]
        for (one, first), (other, second) in itertools.combinations(made, 2):
            if first.priority == second.priority:
                yield mistake(
                    f"services.{other}.priority",
                    f"must be unique on the load balancer, got {second.priority}, which "
                    f"services[{one}] has as well: give one of them another",
                    reads=[f"services.{one}.priority"],
                )
                continue
            (early, wide), (late, narrow) = sorted(
                ((one, first), (other, second)), key=lambda each: each[1].priority
            )
            if _covers(wide, narrow):
                yield mistake(
                    f"services.{late}.priority",
                    f"must let the service get requests, got {narrow.priority}: services[{early}] "
                    f"('{wide.path_pattern}' at {wide.priority}) is asked before and takes all of "
                    f"'{narrow.path_pattern}'; give the narrower path the lower number",
                    reads=[
                        f"services.{late}.path_pattern",
                        f"services.{late}.host_headers",
                        f"services.{early}.path_pattern",
                        f"services.{early}.host_headers",
                        f"services.{early}.priority",
                    ],
                )

    def _probes(self) -> Iterator[Mistake]:
        existing = self.platform.existing
        for number, service in enumerate(self.services):
            probe = f"services.{number}.blue_green.probe"
            if service.shift is None or service.shift.probe is None:
                continue
            if not self.platform.test_listener:
                where = "platform.existing.test_listener_arn" if existing else "platform.test_port"
                yield mistake(
                    probe,
                    f"must come with a test listener, which leads to the new version: set {where}",
                    reads=["platform"],
                )
            elif existing and existing.test_url is None:
                yield mistake(
                    probe,
                    "must come with platform.existing.test_url, where the test listener is reached "
                    "on a platform that is there already, such as 'http://test.example.com:8080'",
                    reads=["platform"],
                )

    def _alarms(self) -> Iterator[Mistake]:
        for number, service in enumerate(self.services):
            path = f"services.{number}.monitoring"
            if service.monitoring.model_fields_set and not self.monitoring.enabled:
                yield mistake(
                    path,
                    "must be left out with monitoring.enabled: false: remove it, or enabled",
                    reads=["monitoring.enabled"],
                )
            merged = self.monitoring.changed_by(service.monitoring)
            for wrong in merged.wrong_periods(service.monitoring.thresholds):
                yield wrong.below(("services", number, "monitoring"))

    def _places(self) -> Iterator[Mistake]:
        if self.environment is None:
            return
        existing = self.platform.existing
        arns = {
            "logs.kms_key_arn": self.logs.kms_key_arn,
            "platform.certificate_arn": self.platform.certificate_arn,
            "platform.existing.listener_arn": existing and existing.listener_arn,
            "platform.existing.test_listener_arn": existing and existing.test_listener_arn,
        }
        for path, arn in arns.items():
            region = arn.split(":")[3] if arn else self.environment.region
            if region != self.environment.region:
                yield mistake(
                    path,
                    f"must be of environment.region ({self.environment.region}), where the stacks "
                    f"go, got one of {region}",
                    reads=["environment.region"],
                )
        for number, zone in enumerate(existing.availability_zones if existing else ()):
            if not zone.startswith(self.environment.region):
                yield mistake(
                    f"platform.existing.availability_zones.{number}",
                    f"must be a zone of environment.region ({self.environment.region}), got "
                    f"'{zone}'",
                    reads=["environment.region"],
                )

    @classmethod
    def from_context(cls, context: object) -> Settings:
        """Read the settings from the CDK context.

        Parameters
        ----------
        context
            The value of the context key ``delivery``: an object, as ``cdk.json`` has it; or the
            name of a JSON file with one, as in ``cdk --context delivery=staging.json``; or the JSON
            itself.

        Returns
        -------
        Settings
            The settings.

        Raises
        ------
        SettingsError
            If the key or the file is missing, or anything in it is not as it must be.
        """
        source, settings = _read(context)
        if not isinstance(settings, Mapping):
            kind = {list: "a list", str: "a text", type(None): "nothing"}.get(
                type(settings), "a number"
            )
            raise SettingsError(
                f"{source} must be an object with the app's settings, got {kind}; docs/settings.md "
                f"has every setting"
            )
        if mistakes := mistakes_of(cls, settings):
            raise SettingsError.of(source, mistakes)
        return cls.model_validate(settings)


def _covers(wide: Service, narrow: Service) -> bool:
    """Tell whether one service's rule takes all requests that another's is for."""
    hosts = not wide.host_headers or (
        bool(narrow.host_headers)
        and all(
            any(matches(one, each) for one in wide.host_headers) for each in narrow.host_headers
        )
    )
    return hosts and matches(wide.path_pattern, narrow.path_pattern)


def source_of(context: object) -> str:
    """Return where settings come from, as the person knows it who gave them.

    Parameters
    ----------
    context
        The value of the context key ``delivery``.

    Returns
    -------
    str
        The words.
    """
    if not isinstance(context, str):
        return f"cdk.json, context.{CONTEXT_KEY}"
    return f"--context {CONTEXT_KEY}" if _is_json(context) else context


def _is_json(text: str) -> bool:
    return not text.rstrip().endswith(".json")


def _read(context: object) -> tuple[str, object]:
    source = source_of(context)
    if not isinstance(context, str):
        return source, context
    try:
        return source, json.loads(context if _is_json(context) else Path(context).read_text())
    except OSError as error:
        raise SettingsError(f"{source}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{source}: must be JSON, and is not: {error}") from None


@functools.cache
def _regions() -> tuple[str, ...]:
    return tuple(region_info.Fact.regions)
