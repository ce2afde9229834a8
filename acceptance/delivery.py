"""The settings with which the app is deployed: one small task for each way to release."""

from collections.abc import Mapping
from typing import Any

from acceptance.names import Names
from acceptance.source import BRANCH


def settings(
    names: Names, environment: Mapping[str, str], *, docker_hub: bool = False
) -> Mapping[str, Any]:
    """Return the app's settings: the value of the context key ``delivery``.

    Parameters
    ----------
    names
        The run's names.
    environment
        Environment variables of the service with rolling updates.
    docker_hub
        Whether builds log in to Docker Hub, with the account's two parameters of the default names.

    Returns
    -------
    Mapping
        The settings.
    """
    build: dict[str, Any] = {"docker_hub": {}} if docker_hub else {}

    def service(name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "source": {"type": "codecommit", "repository": name, "branch": BRANCH},
            # Quick, so that a run is: a task is healthy after ten seconds, not after a minute.
            "health_check": {"interval_seconds": 5, "timeout_seconds": 2},
            "build": build,
            **more,
        }

    return {
        "name": names.prefix,
        "monitoring": {"enabled": False},
        "services": [
            service(
                names.rolling,
                container={"environment": dict(environment)},
                # A builder in a container; the others' images are built by CodeBuild's own engine.
                build={**build, "layer_cache": "registry"},
                # If the action does not notice that ECS has rolled back, this ends it.
                deployment_timeout_minutes=20,
            ),
            service(
                names.blue_green,
                strategy="blue-green",
                blue_green={
                    "engine": "ecs",
                    "traffic_shift": {"type": "canary", "percent": 50, "minutes": 1},
                    "keep_minutes": 1,
                    "alarm_names": [names.alarm],
                },
                container={"environment": {"BASE_PATH": "/blue-green/"}},
                path_pattern="/blue-green/*",
                priority=50,
            ),
            service(
                names.code_deploy,
                strategy="blue-green",
                blue_green={
                    "engine": "code-deploy",
                    "traffic_shift": {"type": "all-at-once"},
                    "keep_minutes": 0,
                },
                container={"environment": {"BASE_PATH": "/code-deploy/"}},
                path_pattern="/code-deploy/*",
                priority=60,
            ),
        ],
    }
