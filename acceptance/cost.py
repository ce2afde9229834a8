"""What a run costs, before anything is made."""

from dataclasses import dataclass
from typing import Final

# A run takes less where builds and deployments are quick; this is what is reckoned with.
HOURS: Final = 2.5


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the estimate: US dollars at the list price of us-east-1.

    Attributes
    ----------
    what
        What it is, and how much of it.
    price
        Its price as the source has it.
    dollars
        What that makes for a run.
    source
        Where the price is from.
    """

    what: str
    price: str
    dollars: float
    source: str


ITEMS: Final = (
    Item(
        "1 NAT gateway, with about 2 GB of images and packages through it",
        "0.045 an hour, 0.045 a GB",
        HOURS * 0.045 + 2 * 0.045,
        "https://aws.amazon.com/vpc/pricing/",
    ),
    Item(
        "1 application load balancer, under one capacity unit",
        "0.0225 an hour, 0.008 a unit-hour",
        HOURS * (0.0225 + 0.008),
        "https://aws.amazon.com/elasticloadbalancing/pricing/",
    ),
    Item(
        "3 public IPv4 addresses",
        "0.005 an hour",
        HOURS * 3 * 0.005,
        "https://aws.amazon.com/vpc/pricing/",
    ),
    Item(
        "3 Fargate tasks of 0.25 vCPU and 0.5 GB, counted as 4 for those beside them in releases",
        "0.04048 a vCPU-hour, 0.004445 a GB-hour",
        HOURS * 4 * (0.25 * 0.04048 + 0.5 * 0.004445),
        "https://aws.amazon.com/fargate/pricing/",
    ),
    Item(
        "about 10 builds of 3 minutes on general1.small",
        "0.005 a minute",
        10 * 3 * 0.005,
        "https://aws.amazon.com/codebuild/pricing/",
    ),
    Item(
        "about 120 minutes of pipeline actions, of which 100 a month are free",
        "0.002 a minute",
        120 * 0.002,
        "https://aws.amazon.com/codepipeline/pricing/",
    ),
    Item(
        "logs, metrics of Container Insights, one alarm, storage, requests",
        "by volume",
        0.20,
        "https://aws.amazon.com/cloudwatch/pricing/",
    ),
)


def estimate() -> str:
    """Return the estimate as a table in Markdown."""
    rows = [f"| {item.what} | {item.price} | {item.dollars:.2f} |" for item in ITEMS]
    total = sum(item.dollars for item in ITEMS)
    return "\n".join(
        [
            f"| for {HOURS} hours | price in us-east-1, US dollars | estimate |",
            "|---|---|---|",
            *rows,
            f"| **together** | without tax; CodeCommit is free for five users | **{total:.2f}** |",
        ]
    )
