"""The URL of a service: the listener of its load balancer, as it is on this machine."""

from __future__ import annotations

import json
import ssl
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from local.clients import clients
from local.traffic import weights_of

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_elbv2.type_defs import ListenerTypeDef

_ANY_PATH: Final = "/*"
_PORTS: Final = {"http": 80, "https": 443}


def service_url(endpoint: str, cluster: str, service: str) -> str | None:
    """Find the URL at which a service's users reach it.

    Parameters
    ----------
    endpoint
        The local cloud's address.
    cluster, service
        Names of cluster and service.

    Returns
    -------
    str or None
        The URL; None for a service that no listener leads to.
    """
    client = clients(endpoint)
    ecs: ECSClient = client("ecs")
    elbv2: ElasticLoadBalancingv2Client = client("elbv2")
    (found,) = ecs.describe_services(cluster=cluster, services=[service])["services"]
    # CodeDeploy's services have load balancers in their task sets.
    behind = [found, *found.get("taskSets", ())]
    groups = {
        balancer["targetGroupArn"]
        for each in behind
        for balancer in each.get("loadBalancers", ())
        if "targetGroupArn" in balancer
    }
    places: dict[str, str] = _listeners(endpoint)["listeners"]
    for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
        listeners = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        # Production comes first: a test listener has another port than those of the protocols.
        for listener in sorted(listeners["Listeners"], key=lambda each: each["Port"]):
            place = places.get(f"{balancer['DNSName']}:{listener['Port']}")
            path = _path(elbv2, listener, groups)
            if place and path is not None:
                scheme = listener["Protocol"].lower()
                return f"{scheme}://{place.removesuffix(f':{_PORTS[scheme]}')}{path}"
    return None


def trust(endpoint: str) -> ssl.SSLContext:
    """Trust the authority that issues the certificates of a local cloud's load balancers.

    Parameters
    ----------
    endpoint
        The local cloud's address.

    Returns
    -------
    ssl.SSLContext
        For requests to a service's URL; it trusts nobody else.
    """
    return ssl.create_default_context(cadata=_listeners(endpoint)["authority"])


def _listeners(endpoint: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{endpoint}/_local/listeners") as response:  # noqa: S310 - ours
        found: dict[str, Any] = json.load(response)
    return found


def _path(
    elbv2: ElasticLoadBalancingv2Client, listener: ListenerTypeDef, groups: set[str]
) -> str | None:
    for rule in elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
        if groups & weights_of(rule).keys():
            conditions: list[Any] = list(rule.get("Conditions", ()))
            patterns = [
                value
                for condition in conditions
                if condition["Field"] == "path-pattern"
                for value in condition.get("Values")
                or condition.get("PathPatternConfig", {}).get("Values", ())
            ]
            return str((patterns or [_ANY_PATH])[0]).removesuffix("*")
    return None
