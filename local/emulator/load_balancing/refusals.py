"""What Elastic Load Balancing refuses of a template, and the emulator would take.

The codes are those of
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html and
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html. A stack
that makes a replacement before it removes what is replaced meets them too.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ministack.services import acm, alb
from ministack.services.cloudformation import provisioners

_LISTENER: Final = "AWS::ElasticLoadBalancingV2::Listener"
_RULE: Final = "AWS::ElasticLoadBalancingV2::ListenerRule"


def register() -> None:
    """Refuse what is taken already, and certificates that are not there."""
    for kind, check in ((_LISTENER, _check_listener), (_RULE, _check_rule)):
        handlers = provisioners._RESOURCE_HANDLERS[kind]
        handlers["create"] = _created(handlers["create"], check)
        handlers["update"] = _updated(handlers["update"], check)


def _created(create: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    def handle(logical_id: str, properties: Mapping[str, Any], *rest: Any, **more: Any) -> Any:
        check(properties, None)
        return create(logical_id, properties, *rest, **more)

    return handle


def _updated(update: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    def handle(arn: str, old: Any, new: Mapping[str, Any], *rest: Any, **more: Any) -> Any:
        check(new, arn)
        return update(arn, old, new, *rest, **more)

    return handle


def _check_listener(properties: Mapping[str, Any], arn: str | None) -> None:
    balancer, port = properties.get("LoadBalancerArn"), int(properties.get("Port") or 80)
    for other, listener in alb._listeners.items():
        taken = listener["LoadBalancerArn"] == balancer and int(listener["Port"]) == port
        # One of another load balancer that an update moves here is made anew, beside the old one.
        if taken and other != arn:
            raise ValueError(
                "DuplicateListener: A listener already exists on this port for this load balancer "
                f"'{balancer}'"
            )
    if properties.get("Protocol") not in alb._SECURE_PROTOCOLS:
        return
    certificates = [each.get("CertificateArn") for each in properties.get("Certificates") or ()]
    if not certificates:
        raise ValueError("A certificate must be specified for HTTPS listeners")
    for certificate in certificates:
        if certificate not in acm._certificates:
            raise ValueError(f"CertificateNotFound: Certificate '{certificate}' not found")


def _check_rule(properties: Mapping[str, Any], arn: str | None) -> None:
    listener, priority = properties.get("ListenerArn"), str(properties.get("Priority", 1))
    for other, rule in alb._rules.items():
        if other != arn and (rule["ListenerArn"], rule["Priority"]) == (listener, priority):
            raise ValueError(f"PriorityInUse: Priority '{priority}' is currently in use")
