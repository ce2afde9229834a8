"""The settings below ``platform``: what services run on."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from stacks._mistakes import Mistake, mistake
from stacks._model import EcsName, Model, text

MOST_ZONES = 6
"""How many zones of a region the network has room for."""

SubnetId = Annotated[
    str, text(r"subnet-[0-9a-f]+", "the id of a subnet, 'subnet-' and its number", maximum=64)
]
ListenerArn = Annotated[
    str,
    text(
        r"arn:[a-z-]+:elasticloadbalancing:.+:listener/app/.+",
        "the ARN of an Application Load Balancer's listener, "
        "'arn:aws:elasticloadbalancing:<region>:<account>:listener/app/<name>/<id>/<id>'",
        maximum=2048,
    ),
]


class ExistingPlatform(Model):
    """A VPC, a cluster and a load balancer that are there already."""

    vpc_id: Annotated[
        str, text(r"vpc-[0-9a-f]+", "the id of a VPC, 'vpc-' and its number", maximum=64)
    ]
    availability_zones: Annotated[list[str], Field(min_length=1)]
    private_subnet_ids: Annotated[list[SubnetId], Field(min_length=1)]
    """One for each zone, in the same order."""
    cluster_name: EcsName
    listener_arn: ListenerArn
    load_balancer_security_group_id: Annotated[
        str, text(r"sg-[0-9a-f]+", "the id of a security group, 'sg-' and its number", maximum=64)
    ]
    test_listener_arn: ListenerArn | None = None
    """Another listener of the load balancer, which leads to a new version first."""
    test_url: (
        Annotated[
            str,
            text(
                r"https?://[^\s/?#@]+",
                "scheme, host and port alone, such as 'https://test.example.com:8443'",
                maximum=500,
            ),
        ]
        | None
    ) = None
    """Where probes reach the test listener: scheme, host and port."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find subnets without a zone, and listeners that are not two."""
        zones, subnets = len(self.availability_zones), len(self.private_subnet_ids)
        if zones != subnets:
            yield mistake(
                "private_subnet_ids",
                f"must name one subnet for each of the {zones} availability_zones, got {subnets}",
                reads=["availability_zones"],
            )
        if self.test_listener_arn == self.listener_arn:
            yield mistake(
                "test_listener_arn",
                f"must be another listener than listener_arn, got {self.listener_arn} for both: "
                f"name one on another port of the load balancer",
                reads=["listener_arn"],
            )
        if self.test_url is not None and self.test_listener_arn is None:
            yield mistake(
                "test_url",
                f"must come with test_listener_arn, got {self.test_url} alone: name the listener "
                f"that it leads to, or remove it",
                reads=["test_listener_arn"],
            )


class Platform(Model):
    """What services run on: made by the app, or there already."""

    existing: ExistingPlatform | None = None
    certificate_arn: (
        Annotated[
            str,
            text(
                r"arn:[a-z-]+:acm:.+",
                "the ARN of a certificate, 'arn:aws:acm:<region>:<account>:certificate/<id>'",
                maximum=2048,
            ),
        ]
        | None
    ) = None
    """The certificate for HTTPS; without one the load balancer speaks HTTP."""
    web_acl_arn: (
        Annotated[
            str,
            text(
                r"arn:[a-z-]+:wafv2:.+:regional/webacl/.+",
                "the ARN of a regional web ACL, "
                "'arn:aws:wafv2:<region>:<account>:regional/webacl/<name>/<id>'",
                maximum=2048,
            ),
        ]
        | None
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

    def mistakes(self) -> Iterator[Mistake]:
        """Find what a platform that is there has already, and what a new one cannot be."""
        for made in sorted(self.model_fields_set - {"existing"}) if self.existing else ():
            says = "must be left out with existing: it configures a platform that the app makes"
            if made == "test_port":
                says += "; name an existing test listener in existing.test_listener_arn"
            yield mistake(made, says, reads=["existing"])
        if self.nat_gateways > self.max_availability_zones:
            yield mistake(
                "nat_gateways",
                f"must be at most max_availability_zones ({self.max_availability_zones}), got "
                f"{self.nat_gateways}: one for each zone is the most; lower it, or raise "
                f"max_availability_zones",
                reads=["max_availability_zones"],
            )
        if self.test_port in (80, 443):
            yield mistake(
                "test_port",
                f"must not be 80 or 443, where users' requests arrive, got {self.test_port}: take "
                f"another, such as 8080",
            )
