"""docs/reviews.md counts what cdk-nag finds in the samples, and tells why it is acknowledged.

One synthesis of each sample has its acknowledgements written down instead of made, so that the
packs find all that there is. That what is acknowledged is found no longer is for tests/test_app.py.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

import aws_cdk as cdk
import cdk_nag
import pytest
from constructs import IConstruct

from container_pipelines import _acknowledge
from stacks import Settings, add_delivery_stacks
from stacks.rule_packs import RulePack
from tests import generated_tables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reviews.md"
PACKS: Mapping[str, Callable[[cdk.App], cdk_nag.NagPack]] = {
    "AwsSolutions": cdk_nag.AwsSolutionsChecks,
    "HIPAA.Security": cdk_nag.HIPAASecurityChecks,
    "NIST.800.53.R5": cdk_nag.NIST80053R5Checks,
    "PCI.DSS.321": cdk_nag.PCIDSS321Checks,
    "Serverless": cdk_nag.ServerlessChecks,
}
SHOWN = dict(zip(PACKS, ("AWS Solutions", *get_args(RulePack)), strict=True))
SAMPLES = ("cdk.json", "everything.json", "existing.json")
LEFT_TO_THE_SETTINGS = {
    "ALBHttpToHttpsRedirection": "platform.certificate_arn",
    "ELBv2ACMCertificateRequired": "platform.certificate_arn",
    "ALBWAFEnabled": "platform.web_acl_arn",
    "ELBDeletionProtectionEnabled": "platform.deletion_protection",
    "CloudWatchAlarmAction": "monitoring.emails",
}
"""What is found in cdk.json, which has none of the settings that mend it."""
NOT_IN_THE_SAMPLES = {
    (
        "CloudWatchAlarmAction",
        "A rule for its changes of state notifies Slack, so that the alarm needs no action for it.",
    ),
}
"""What only arises where Slack is told and nobody else; tests/constructs/test_foreign_app.py."""


class Found(NamedTuple):
    pack: str
    rule: str
    detail: str
    path: str


class Acknowledged(NamedTuple):
    path: str
    id: str
    reason: str

    def covers(self, found: Found) -> bool:
        return self.id == f"{found.pack}-{found.rule}{found.detail}" and (
            f"{found.path}/".startswith(f"{self.path}/")
        )


class Review(NamedTuple):
    found: list[Found]
    acknowledged: list[Acknowledged]

    def reasons(self) -> Iterator[tuple[Found, str | None]]:
        """Each finding with the reason why it is right, None where nobody has given one."""
        by_id = defaultdict(list)
        for acknowledged in self.acknowledged:
            by_id[acknowledged.id].append(acknowledged)
        for found in self.found:
            candidates = by_id[f"{found.pack}-{found.rule}{found.detail}"]
            yield found, next((each.reason for each in candidates if each.covers(found)), None)


@pytest.fixture(scope="module")
def reviews(context: dict[str, Any]) -> dict[str, Review]:
    """What is found in each sample, and acknowledged."""
    reviews = {}
    with pytest.MonkeyPatch.context() as patch:
        for sample in SAMPLES:
            path = ROOT / "samples" / "settings" / sample
            settings = json.loads(path.read_text()) if path.exists() else context["delivery"]
            made: list[Acknowledged] = []
            _write_down(made, patch)
            app = cdk.App(context=context)
            add_delivery_stacks(app, Settings.from_context(settings))
            app.synth()
            reviews[sample] = Review([each for pack in PACKS for each in _find(pack, app)], made)
    return reviews


def _write_down(made: list[Acknowledged], patch: pytest.MonkeyPatch) -> None:
    """Have acknowledgements written down in a list, and not made."""

    class Book:
        def __init__(self, scope: IConstruct) -> None:
            self._path = scope.node.path

        def acknowledge(self, *rules: cdk.Acknowledgment) -> None:
            made.extend(Acknowledged(self._path, rule.id, rule.reason) for rule in rules)

        def add_plugins(self, *plugins: object) -> None:
            """Have nothing checked before everything is found."""

    def validate(forms: _acknowledge._FinalForms) -> list[str]:
        wildcards = forms.wildcards
        resources = tuple(wildcard.resource for wildcard in wildcards)
        for wildcard, id_ in zip(
            wildcards, _acknowledge._findings(forms._stack, resources), strict=True
        ):
            made.append(Acknowledged(wildcard.scope.node.path, id_, wildcard.reason))
        return []

    patch.setattr(cdk.Validations, "of", Book)
    patch.setattr(_acknowledge._FinalForms, "validate", validate)


def _find(pack: str, app: cdk.App) -> Iterator[Found]:
    for violation in PACKS[pack](app).validate_scope(app).violations:
        rule, bracket, detail = violation.rule_name.removeprefix(f"{pack}-").partition("[")
        for resource in violation.violating_resources:
            yield Found(pack, rule, bracket + detail, resource.construct_path)


def test_what_the_samples_with_every_setting_have_is_acknowledged(
    reviews: dict[str, Review],
) -> None:
    for sample in ("everything.json", "existing.json"):
        assert [found for found, reason in reviews[sample].reasons() if reason is None] == []


def test_what_is_left_of_the_sample_is_for_the_settings_to_mend(
    reviews: dict[str, Review],
) -> None:
    left = {found.rule for found, reason in reviews["cdk.json"].reasons() if reason is None}
    assert left == set(LEFT_TO_THE_SETTINGS)
    page = PAGE.read_text()
    for rule, setting in LEFT_TO_THE_SETTINGS.items():
        assert re.search(rf"^\| .*`{setting}`.*{rule}", page, re.MULTILINE), rule


def test_every_acknowledgement_is_of_something_that_is_found(reviews: dict[str, Review]) -> None:
    given = {
        (each.id.partition("-")[2].partition("[")[0], each.reason)
        for review in reviews.values()
        for each in review.acknowledged
    }
    used = {
        (found.rule, reason) for review in reviews.values() for found, reason in review.reasons()
    }
    assert {each for each in given - used if each not in NOT_IN_THE_SAMPLES} == set()
    assert used.isdisjoint(NOT_IN_THE_SAMPLES)


def test_the_counts_are_current(reviews: dict[str, Review], request: pytest.FixtureRequest) -> None:
    heads = [f"`{sample}`: found | acknowledged | left" for sample in SAMPLES]
    lines = [f"| pack | {' | '.join(heads)} |", "|---" * (1 + 3 * len(SAMPLES)) + "|"]
    for pack, name in SHOWN.items():
        numbers = []
        for sample in SAMPLES:
            left = [
                reason is None for found, reason in reviews[sample].reasons() if found.pack == pack
            ]
            numbers += [len(left), left.count(False), left.count(True)]
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    generated_tables.check(PAGE, "counts", lines, request)


def test_the_reasons_are_current(
    reviews: dict[str, Review], request: pytest.FixtureRequest
) -> None:
    rules: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for review in reviews.values():
        for found, reason in review.reasons():
            if reason is not None and found.rule != "IAM5":
                rules[found.rule, reason][found.pack] += 1
    lines = ["| rule | findings | why it is right |", "|---|---|---|"]
    for (rule, reason), packs in sorted(rules.items()):
        # A rule finds the same by each pack that has it.
        of = ", ".join(SHOWN[pack] for pack in sorted(packs))
        lines.append(f"| {rule}<br>{of} | {max(packs.values())} | {reason} |")
    generated_tables.check(PAGE, "reasons", lines, request)
