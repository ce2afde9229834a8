"""Apps of the tests' own, beside the one that the cloud has been deployed with."""

import json
from pathlib import Path

import aws_cdk as cdk

from local.cloud import ROOT


def new_app(folder: Path) -> cdk.App:
    """Make an app with the feature flags of `cdk.json`, without its settings.

    Parameters
    ----------
    folder
        Where its assembly goes.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    del context["delivery"]
    return cdk.App(outdir=str(folder), context=context)
