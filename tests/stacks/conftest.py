import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import cx_api

from local.roles import Role, roles_of
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
    """Synthesize the app with the settings given, as app.py does; the same settings once."""
    made: dict[str, cx_api.CloudAssembly] = {}

    def synthesize(delivery: dict[str, Any]) -> cx_api.CloudAssembly:
        key = json.dumps(delivery)
        if key not in made:
            app = cdk.App(context={**context, "delivery": delivery})
            add_delivery_stacks(app, Settings.from_context(app.node.try_get_context("delivery")))
            made[key] = app.synth()
        return made[key]

    return synthesize


@pytest.fixture(scope="session")
def templates(
    synthesize: Callable[[dict[str, Any]], cx_api.CloudAssembly],
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The synthesized templates by the name of their stack, for each test its own."""

    def templates(delivery: dict[str, Any]) -> dict[str, Any]:
        folder = Path(synthesize(delivery).directory)
        return {
            file.name.removesuffix(".template.json"): json.loads(file.read_text())
            for file in sorted(folder.glob("*.template.json"))
        }

    return templates


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-page",
        action="store_true",
        help="write the generated pages of docs/ anew, and pass",
    )


@pytest.fixture(scope="session")
def settings_of_every_role(context: dict[str, Any]) -> dict[str, Any]:
    """The sample settings, with Slack, pull requests and a service by CodeDeploy added."""
    delivery = copy.deepcopy(context["delivery"])
    delivery["monitoring"] = {"slack": {"parameter": "/delivery/slack"}}
    by_code_deploy = copy.deepcopy(delivery["services"][1])
    del by_code_deploy["blue_green"]["keep_minutes"]
    by_code_deploy["blue_green"]["engine"] = "code-deploy"
    by_code_deploy |= {"name": "code-deploy", "path_pattern": "/code-deploy/*", "priority": 60}
    delivery["services"].append(by_code_deploy)
    delivery["services"][0]["pull_requests"] = {}
    return delivery


@pytest.fixture(scope="session")
def every_role(
    templates: Callable[[dict[str, Any]], dict[str, Any]], settings_of_every_role: dict[str, Any]
) -> list[Role]:
    """The roles that the settings make."""
    return roles_of(templates(settings_of_every_role))
