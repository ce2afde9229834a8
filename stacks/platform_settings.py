"""The settings below ``platform``: what services run on."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from stacks._model import EcsName, Model, pattern

MOST_ZONES = 6
"""How many zones of a region the network has room for."""

SubnetId = Annotated[str, pattern(r"^subnet-[0-9a-f]+$", maximum=64)]
ListenerArn = Annotated[
    str, pattern(r"^arn:[a-z-]+:elasticloadbalancing:.+:listener/app/.+$", maximum=2048)
]


class ExistingPlatform(Model):
    """A VPC, a cluster and a load balancer that are there already."""

    vpc_id: Annotated[str, pattern(r"^vpc-[0-9a-f]+$", maximum=64)]
    availability_zones: Annotated[list[str], Field(min_length=1)]
    private_subnet_ids: Annotated[list[SubnetId], Field(min_length=1)]
    """One for each zone, in the same order."""
    cluster_name: EcsName
    listener_arn: ListenerArn
    load_balancer_security_group_id: Annotated[str, pattern(r"^sg-[0-9a-f]+$", maximum=64)]
    test_listener_arn: ListenerArn | None = None
    """Another listener of the load balancer, which leads to a new version first."""
    test_url: Annotated[str, pattern(r"^https?://[^\s/?#@]+$", maximum=500)] | None = None
    """Where probes reach the test listener: scheme, host and port."""

    @model_validator(mode="after")
    def _subnet_per_zone(self) -> Self:
        zones, subnets = len(self.availability_zones), len(self.private_subnet_ids)
        if zones != subnets:
            message = (
                f"private_subnet_ids must name one subnet for each of the {zones} "
                f"availability_zones, got {subnets}"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _two_listeners(self) -> Self:
        if self.test_listener_arn == self.listener_arn:
            message = (
                f"test_listener_arn must be another listener than listener_arn, got "
                f"{self.listener_arn} for both: name one on another port of the load balancer"
            )
            raise ValueError(message)
        if self.test_url is not None and self.test_listener_arn is None:
            message = (
                f"test_url must come with test_listener_arn, got {self.test_url} alone: name the "
                f"listener that it leads to, or remove it"
            )
            raise ValueError(message)
        return self


class Platform(Model):
    """What services run on: made by the app, or there already."""

    existing: ExistingPlatform | None = None
    certificate_arn: Annotated[str, pattern(r"^arn:[a-z-]+:acm:.+$", maximum=2048)] | None = None
    """The certificate for HTTPS; without one the load balancer speaks HTTP."""
    web_acl_arn: (
        Annotated[str, pattern(r"^arn:[a-z-]+:wafv2:.+:regional/webacl/.+$", maximum=2048)] | None
    ) = None
    """The web ACL of AWS WAF that requests must pass; none by default."""
    nat_gateways: Annotated[int, Field(ge=1, le=MOST_ZONES)] = 1
    max_availability_zones: Annotated[int, Field(ge=2, le=MOST_ZONES)] = 2
    deletion_protection: bool = False
    """Whether the load balancer cannot be deleted, nor the stack, until this is off again."""
    test_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The port on which the load balancer leads to a new version first, for probes alone."""

    @property
    def test_listener(self) -> bool:
        """Whether there is a test listener."""
        if self.existing is not None:
            return self.existing.test_listener_arn is not None
        return self.test_port is not None

    @model_validator(mode="after")
    def _made_or_existing(self) -> Self:
        made = sorted(self.model_fields_set - {"existing"})
        if self.existing and made:
            message = (
                f"{', '.join(made)} must be left out with existing: they configure a platform "
                "that the app makes"
            )
            if "test_port" in made:
                message += "; name an existing test listener in existing.test_listener_arn"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _gateway_per_zone(self) -> Self:
        if self.nat_gateways > self.max_availability_zones:
            message = (
                f"nat_gateways must be at most max_availability_zones "
                f"({self.max_availability_zones}), got {self.nat_gateways}: one for each zone is "
                f"the most; lower it, or raise max_availability_zones"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _port_of_its_own(self) -> Self:
        if self.test_port in (80, 443):
            message = (
                f"test_port must not be 80 or 443, where users' requests arrive, got "
                f"{self.test_port}: take another, such as 8080"
            )
            raise ValueError(message)
        return self
