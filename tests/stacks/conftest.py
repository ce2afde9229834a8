import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import cx_api

from stacks import Settings, add_delivery_stacks

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """The context in cdk.json: settings and feature flags."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return context


@pytest.fixture
def delivery(context: dict[str, Any]) -> dict[str, Any]:
    """The settings in cdk.json with the first of its services alone, to be changed by a test."""
    settings: dict[str, Any] = copy.deepcopy(context["delivery"])
    del settings["services"][1:]
    return settings


@pytest.fixture(scope="session")
def synthesize(context: dict[str, Any]) -> Callable[[dict[str, Any]], cx_api.CloudAssembly]:
    """Synthesize the app with the settings given, as app.py does."""

    def synthesize(delivery: dict[str, Any]) -> cx_api.CloudAssembly:
        app = cdk.App(context={**context, "delivery": delivery})
        add_delivery_stacks(app, Settings.from_context(app.node.try_get_context("delivery")))
        return app.synth()

    return synthesize


@pytest.fixture(scope="session")
def templates(
    synthesize: Callable[[dict[str, Any]], cx_api.CloudAssembly],
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The synthesized templates by the name of their stack."""

    def templates(delivery: dict[str, Any]) -> dict[str, Any]:
        return {stack.stack_name: stack.template for stack in synthesize(delivery).stacks}

    return templates
