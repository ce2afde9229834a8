"""docs/costs.md reckons with the resources that the templates have."""

import copy
import re
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "costs.md"
HOURS = 730
CENT = Decimal("0.01")

Templates = Callable[[dict[str, Any]], dict[str, Any]]


def rows() -> list[list[str]]:
    """Return the cells of the first table, without its head."""
    table = PAGE.read_text().partition("|---")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[1:]]


def resources(templates: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == kind:
                yield resource["Properties"]


def tasks(templates: dict[str, Any], size: str) -> Decimal:
    """Return how much of vCPU or memory the tasks have that run when nobody asks anything."""
    total = Decimal(0)
    for template in templates.values():
        definitions = list(resources({"": template}, "AWS::ECS::TaskDefinition"))
        if definitions:
            (definition,) = definitions
            scaled = resources({"": template}, "AWS::ApplicationAutoScaling::ScalableTarget")
            # ECS starts with one task where nothing is said.
            least = next((each["MinCapacity"] for each in scaled), 1)
            total += Decimal(definition[size]) * least / 1024
    return total


def counts(templates: dict[str, Any]) -> dict[str, Decimal]:
    """Count what the rows are about."""

    def number(kind: str) -> int:
        return len(list(resources(templates, kind)))

    balancers = list(resources(templates, "AWS::ElasticLoadBalancingV2::LoadBalancer"))
    addresses = number("AWS::EC2::EIP") + sum(
        len(each["Subnets"]) for each in balancers if each["Scheme"] == "internet-facing"
    )
    alarms = sum(
        sum("MetricStat" in metric for metric in each.get("Metrics", [])) or 1
        for each in resources(templates, "AWS::CloudWatch::Alarm")
    )
    found = {
        "NAT gateway": number("AWS::EC2::NatGateway"),
        "public IPv4 address": addresses,
        "application load balancer": len(balancers),
        "Fargate: vCPU (x86-64)": tasks(templates, "Cpu"),
        "Fargate: GB of memory (x86-64)": tasks(templates, "Memory"),
        "metric of an alarm": alarms,
        "dashboard": number("AWS::CloudWatch::Dashboard"),
        "KMS key": number("AWS::KMS::Key"),
        "secret in Secrets Manager": number("AWS::SecretsManager::Secret"),
    }
    return {name: Decimal(value) for name, value in found.items()}


def test_the_table_is_what_the_templates_cost(
    templates: Templates, context: dict[str, Any]
) -> None:
    delivery = context["delivery"]
    sample = counts(templates(delivery))
    more = copy.deepcopy(delivery)
    further = {"name": "further", "source": delivery["services"][0]["source"]}
    more["services"].append({**further, "priority": 60, "path_pattern": "/further/*"})
    added = {name: count - sample[name] for name, count in counts(templates(more)).items()}
    *told, total = rows()
    wanted, sums = [], [Decimal(0), Decimal(0)]
    for name, price, unit, *_ in told:
        row = [name, price, unit]
        for place, number in enumerate((sample[name], added[name])):
            times = HOURS if unit == "hour" else 1
            cost = (number * Decimal(price) * times).quantize(CENT, ROUND_HALF_UP)
            sums[place] += cost
            row += [f"{number.normalize():f}", str(cost)]
        wanted.append(row)
    # Shown where it fails.
    print(*wanted, sums, sep="\n")
    assert told == wanted
    assert {row[0] for row in told} == sample.keys()
    assert [cell.strip("*") for cell in total if re.search(r"\d", cell)] == [
        str(each) for each in sums
    ]
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"about {sums[0]:.0f} dollars" in readme
    assert f"a further service {sums[1]:.0f}:" in readme
