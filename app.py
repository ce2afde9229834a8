"""Entry point of the CDK app: settings from the context to stacks."""

import sys

import aws_cdk as cdk

from stacks import Settings, SettingsError, add_delivery_stacks

# Stack traces of resources and warnings name a temporary folder: no two syntheses would be alike.
app = cdk.App(
    context={"aws:cdk:disable-creation-stack-traces": True, "aws:cdk:disable-stack-trace": True}
)
try:
    add_delivery_stacks(app, Settings.from_context(app.node.try_get_context("delivery")))
except SettingsError as error:
    sys.exit(str(error))
try:
    app.synth()
except RuntimeError as error:
    # What the CDK's validation has found, it has printed already.
    if not str(error).startswith("ValidationFailed:"):
        raise
    sys.exit(str(error))
