"""The packs of cdk-nag that the settings name, beside the one that always runs."""

import contextlib
import json
from pathlib import Path
from typing import Any, get_args

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from stacks import Settings, SettingsError, add_delivery_stacks
from stacks.rule_packs import RulePack, check

RUN: dict[RulePack, str] = {
    "hipaa-security": "HIPAA.Security",
    "nist-800-53-r5": "NIST.800.53.R5",
    "pci-dss-3.2.1": "PCI.DSS.321",
    "serverless": "Serverless",
}


def found(app: cdk.App) -> dict[str, set[str]]:
    """The rules by which each of these packs finds something, which fails the synthesis."""
    with contextlib.suppress(RuntimeError):
        app.synth()
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    return {
        each["pluginName"]: {violation["ruleName"] for violation in each["violations"]}
        for each in report["pluginReports"]
        if each["pluginName"] in RUN.values() and each["violations"]
    }


@pytest.fixture
def app() -> cdk.App:
    """An app with something that every pack says no to."""
    app = cdk.App()
    lambda_.Function(
        cdk.Stack(app, "Stack"),
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handle",
        code=lambda_.Code.from_inline("handle = print"),
    )
    return app


def test_all_packs_are_here() -> None:
    assert set(RUN) == set(get_args(RulePack))


@pytest.mark.parametrize("named", [[], *([name] for name in RUN), ["serverless", "serverless"]])
def test_a_pack_runs_where_it_is_named(app: cdk.App, named: list[RulePack]) -> None:
    check(app, named)
    assert set(found(app)) == {RUN[name] for name in named}


def test_the_settings_name_packs(context: dict[str, Any], delivery: dict[str, Any]) -> None:
    delivery["rule_packs"] = ["pci-dss-3.2.1"]
    app = cdk.App(context=context)
    add_delivery_stacks(app, Settings.from_context(delivery))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    # What the sample leaves to the settings; without the pack it is no matter.
    assert found(app) == {
        "PCI.DSS.321": {
            "PCI.DSS.321-ALBHttpToHttpsRedirection",
            "PCI.DSS.321-ALBWAFEnabled",
            "PCI.DSS.321-ELBv2ACMCertificateRequired",
        }
    }


@pytest.mark.parametrize("named", ["pci-dss-4", "AwsSolutions", 321])
def test_another_pack_is_refused(delivery: dict[str, Any], named: object) -> None:
    delivery["rule_packs"] = [named]
    with pytest.raises(SettingsError, match=r"rule_packs\[0\]: must be .*'nist-800-53-r5'"):
        Settings.from_context(delivery)


@pytest.mark.parametrize(
    "arn",
    [
        # Of CloudFront, which no load balancer takes; and of the former WAF.
        "arn:aws:wafv2:us-east-1:111122223333:global/webacl/acme/0f1e2d3c",
        "arn:aws:waf-regional:eu-west-1:111122223333:webacl/0f1e2d3c",
    ],
)
def test_a_web_acl_is_regional(delivery: dict[str, Any], arn: str) -> None:
    delivery["platform"] = {"web_acl_arn": arn}
    with pytest.raises(SettingsError, match=r"platform\.web_acl_arn"):
        Settings.from_context(delivery)
