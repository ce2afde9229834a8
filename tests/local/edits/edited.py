"""The app under test, from settings, and the edits of them that the docs call safe."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.cloud import ACCOUNT, REGION
from stacks.delivery import add_delivery_stacks
from stacks.settings import Settings
from tests.local.apps import new_app

ROLLING, CODE_DEPLOY = "edited-rolling", "edited-code-deploy"
SECRET_PARAMETER = "/edited/token"
SLACK_PARAMETER = "/edited/slack"
CERTIFICATES = tuple(
    f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/edited-{number}" for number in (1, 2)
)

AT_ONCE = {"traffic_shift": {"type": "all-at-once"}, "keep_minutes": 0}
BOTH = {"read_only_root_filesystem": False, "environment": {"STAGE": "later"}}


def path_of(service: str) -> str:
    """Return where users ask a service."""
    return f"/{service}/"


def _service(name: str, priority: int, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "source": {"type": "github", "repository": f"edited/{name}"},
        "container": {"environment": {"BASE_PATH": path_of(name)}},
        "health_check": {"interval_seconds": 5, "timeout_seconds": 2},
        "path_pattern": f"{path_of(name)}*",
        "priority": priority,
        **settings,
    }


SETTINGS: dict[str, Any] = {
    "name": "edited",
    "services": [
        _service(ROLLING, 10),
        _service(
            CODE_DEPLOY,
            20,
            strategy="blue-green",
            blue_green={"engine": "code-deploy", **AT_ONCE},
        ),
    ],
}

# One after the other, each on top of those before.
EDITS: Mapping[str, Mapping[str, Any]] = {
    "the port, where it may change": {"services": [{"container": {"port": 8080}}, {}]},
    "what a task is": {
        "services": [
            {
                "container": {
                    **BOTH,
                    "cpu": 512,
                    "memory": 1024,
                    "secret_parameters": {"TOKEN": SECRET_PARAMETER},
                }
            },
            {"container": {**BOTH, "cpu": 512, "memory": 1024}},
        ]
    },
    "what a healthy task is": {
        "services": [
            {"health_check": {"path": path_of(service), "unhealthy_threshold": 2}}
            for service in (ROLLING, CODE_DEPLOY)
        ]
    },
    "how many tasks there are": {"services": [{"scaling": {"min_tasks": 2, "max_tasks": 4}}] * 2},
    "logs, alarms, a bot, builds and a freeze": {
        "logs": {"retention_days": 7},
        "platform": {"deletion_protection": True},
        "monitoring": {
            "slack": {"parameter": SLACK_PARAMETER, "channel": "C0123456789"},
            "thresholds": {"release-duration": {"value": 5400}},
            "alarms_left_out": ["build-duration"],
        },
        "services": [
            {
                "build": {"timeout_minutes": 20, "scan": {"severity": "CRITICAL"}},
                "release": {"frozen": "While settings change"},
            }
        ]
        * 2,
    },
    "a place among the rules": {"services": [{"priority": 5}, {}]},
    # The first release of the service of CodeDeploy has made green its live group.
    "HTTPS": {
        "platform": {"certificate_arn": CERTIFICATES[0]},
        "services": [{}, {"blue_green": {"live_group": "green"}}],
    },
    "another certificate": {"platform": {"certificate_arn": CERTIFICATES[1]}},
    "a test listener": {"platform": {"test_port": 8080}},
    "without the service of CodeDeploy, which stays deployed": {"services": [{}]},
    "another zone": {"platform": {"max_availability_zones": 3}},
    # Deploys: the image of the last release is another than that of the stack's last update.
    "from rolling to blue/green, where green is live then": {
        "services": [{"strategy": "blue-green", "blue_green": {"engine": "ecs", **AT_ONCE}}]
    },
    "the port, by blue/green, where blue is live then": {
        "services": [{"container": {"port": 9090}}]
    },
    "from blue back to rolling": {"services": [{"strategy": "rolling", "blue_green": None}]},
}


def edited(settings: Mapping[str, Any], edit: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with an edit; what it has as None goes, and services that it has not."""
    found = dict(copy.deepcopy(settings))
    for name, value in edit.items():
        if isinstance(value, Mapping):
            found[name] = edited(found.get(name, {}), value)
        elif name == "services":
            found[name] = [edited(*both) for both in zip(found[name], value)]  # noqa: B905
        elif value is None:
            del found[name]
        else:
            found[name] = value
    return found


def synthesize(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Synthesize the app into a folder."""
    app = new_app(folder)
    add_delivery_stacks(app, Settings.from_context(settings))
    app.synth()
    return folder
