"""Entry point of the CDK app: settings from the context to stacks."""

import aws_cdk as cdk

from stacks import Settings, add_delivery_stacks

app = cdk.App()
add_delivery_stacks(app, Settings.from_context(app.node.try_get_context("delivery")))
app.synth()
