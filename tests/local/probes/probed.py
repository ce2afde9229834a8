"""The app under test, from settings: a service for each engine, with a probe before its users."""

from pathlib import Path
from typing import Any

from stacks.delivery import add_delivery_stacks
from stacks.settings import Settings
from tests.local.apps import new_app

ENGINES = ("ecs", "code-deploy")


def service_of(engine: str) -> str:
    """Return the name of an engine's service, which is that of its pipeline too."""
    return f"probed-{engine}"


def path_of(engine: str) -> str:
    """Return where its users ask it, and the probe too."""
    return f"/{service_of(engine)}/"


def _service(number: int, engine: str) -> dict[str, Any]:
    return {
        "name": service_of(engine),
        "strategy": "blue-green",
        "blue_green": {
            "engine": engine,
            "traffic_shift": {"type": "linear", "percent": 50, "minutes": 1},
            "keep_minutes": 0,
            # What a target group's health check does not see.
            "probe": {"path": path_of(engine), "timeout_seconds": 3},
        },
        "source": {"type": "github", "repository": f"shop/{service_of(engine)}", "branch": "main"},
        "container": {"port": 3000, "environment": {"BASE_PATH": path_of(engine)}},
        "health_check": {"path": "/health"},
        "path_pattern": f"{path_of(engine)}*",
        "priority": number,
    }


def synthesize(folder: Path) -> Path:
    """Synthesize the app.

    Parameters
    ----------
    folder
        Where the assembly goes.

    Returns
    -------
    Path
        The assembly.
    """
    app = new_app(folder)
    settings = {
        "name": "probed",
        "platform": {"test_port": 8080},
        "monitoring": {"enabled": False},
        "services": [_service(number, engine) for number, engine in enumerate(ENGINES, start=1)],
    }
    add_delivery_stacks(app, Settings.from_context(settings))
    app.synth()
    return folder
