"""A container definition as the arguments of ``docker create``.

Taken over: the command and entry point, environment, user, working directory, read-only root file
system, Docker labels, ulimits, init process, tmpfs, dropped capabilities, volumes that live as long
as the task, and the container's health check, whose command runs in the image's shell. Not taken
over: CPU and memory, dependencies between containers, and links.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
"""

import shlex
from collections.abc import Mapping
from typing import Any, Final

from local.emulator.ecs.pace import shortened

DEFAULT_STOP_TIMEOUT: Final = 30
_INTERVAL, _TIMEOUT, _RETRIES = 30, 5, 3


def options(
    definition: Mapping[str, Any], *, name: str, network: str | None, volumes: Mapping[str, str]
) -> list[str]:
    """Return the arguments of ``docker create``, but for the environment.

    Parameters
    ----------
    definition
        The container definition.
    name
        The container's name in the engine.
    network
        The container whose network this one shares; None for one of its own.
    volumes
        The task's volumes: name in the definition -> name in the engine.
    """
    linux = definition.get("linuxParameters") or {}
    entry_point = definition.get("entryPoint") or []
    found = ["--name", name, *_health(definition.get("healthCheck"))]
    if network:
        found += ["--network", f"container:{network}"]
    for option, key in (("--user", "user"), ("--workdir", "workingDirectory")):
        if definition.get(key):
            found += [option, str(definition[key])]
    if definition.get("readonlyRootFilesystem"):
        found.append("--read-only")
    if linux.get("initProcessEnabled"):
        found.append("--init")
    for label, value in (definition.get("dockerLabels") or {}).items():
        found += ["--label", f"{label}={value}"]
    for limit in definition.get("ulimits") or ():
        found += ["--ulimit", f"{limit['name']}={limit['softLimit']}:{limit['hardLimit']}"]
    for mount in linux.get("tmpfs") or ():
        given = [f"size={mount['size']}m", *(mount.get("mountOptions") or ())]
        found += ["--tmpfs", f"{mount['containerPath']}:{','.join(given)}"]
    for dropped in (linux.get("capabilities") or {}).get("drop") or ():
        found += ["--cap-drop", dropped]
    for mount in definition.get("mountPoints") or ():
        if mount.get("sourceVolume") in volumes:
            read_only = ":ro" if mount.get("readOnly") else ""
            source = volumes[mount["sourceVolume"]]
            found += ["--volume", f"{source}:{mount['containerPath']}{read_only}"]
    if entry_point:
        found += ["--entrypoint", entry_point[0]]
    return [*found, definition["image"], *entry_point[1:], *(definition.get("command") or ())]


def _health(check: Mapping[str, Any] | None) -> list[str]:
    """Translate a health check; ECS ignores that of the image."""
    if not check or check["command"][:1] == ["NONE"]:
        return ["--no-healthcheck"]
    kind, *command = check["command"]
    if kind == "CMD-SHELL":
        line = " ".join(command)
    else:
        line = shlex.join(command if kind == "CMD" else [kind, *command])
    return [
        *("--health-cmd", line),
        *("--health-interval", _duration(shortened(check.get("interval") or _INTERVAL))),
        *("--health-start-period", _duration(shortened(check.get("startPeriod") or 0))),
        *("--health-timeout", _duration(check.get("timeout") or _TIMEOUT)),
        *("--health-retries", str(check.get("retries") or _RETRIES)),
    ]


def _duration(seconds: float) -> str:
    return f"{round(1000 * seconds)}ms"
