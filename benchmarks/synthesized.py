"""One synthesis, in a process of its own: ``python -m benchmarks.synthesized APP SERVICES``.

Its last line of output is JSON.
"""

import json
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from benchmarks import hand_written
from benchmarks.crossings import counted
from stacks import Settings, add_delivery_stacks

_ROOT: Final = Path(__file__).parents[1]


def _service(number: int) -> dict[str, Any]:
    return {
        "name": f"service-{number}",
        "source": {
            "type": "github",
            "repository": f"your-org/service-{number}",
            "connection_arn": hand_written.CONNECTION,
        },
    }


def _existing(number: int) -> dict[str, Any]:
    return _service(number) | {
        "existing_service": {
            "cluster_name": "my-cluster",
            "service_name": f"service-{number}",
            "container_name": "app",
            "task_role_arns": [
                "arn:aws:iam::111122223333:role/ecsTaskRole",
                "arn:aws:iam::111122223333:role/ecsTaskExecutionRole",
            ],
        }
    }


def _own(number: int) -> dict[str, Any]:
    return _service(number) | {
        "path_pattern": f"/service-{number}/*",
        "priority": number + 1,
        "scaling": {"min_tasks": 2, "max_tasks": 6, "cpu_percent": 60},
    }


def _this(service: Callable[[int], dict[str, Any]], *, monitored: bool) -> Callable[..., None]:
    def add(app: cdk.App, count: int) -> None:
        monitoring = {"emails": ["team@example.com"], "slack": {"parameter": "/slack/webhook"}}
        settings = {
            "name": "benchmark",
            "services": [service(number) for number in range(count)],
            "monitoring": monitoring if monitored else {"enabled": False},
        }
        add_delivery_stacks(app, Settings.from_context(settings))

    return add


def _checked(add: Callable[[cdk.App, int], None]) -> Callable[[cdk.App, int], None]:
    def checked(app: cdk.App, count: int) -> None:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        add(app, count)

    return checked


def _nothing(app: cdk.App, count: int) -> None:
    cdk.CfnWaitConditionHandle(cdk.Stack(app, "empty"), "Nothing")


APPS: Final[Mapping[str, Callable[[cdk.App, int], None]]] = {
    "empty": _nothing,
    "existing-by-hand": hand_written.add_existing_services,
    "existing-by-hand-checked": _checked(hand_written.add_existing_services),
    "existing": _this(_existing, monitored=True),
    "existing-unmonitored": _this(_existing, monitored=False),
    "own-by-hand": hand_written.add_own_services,
    "own-by-hand-checked": _checked(hand_written.add_own_services),
    "own": _this(_own, monitored=True),
    "own-unmonitored": _this(_own, monitored=False),
}
"""The apps by name: each adds its stacks for a number of services; ``checked`` is with cdk-nag."""


def synthesized(app_name: str, services: int) -> dict[str, Any]:
    """Synthesize an app as ``app.py`` does, into a temporary folder.

    Parameters
    ----------
    app_name
        One of `APPS`.
    services
        For how many services.

    Returns
    -------
    dict
        ``resources``, and the ``crossings`` by member.
    """
    context = json.loads((_ROOT / "cdk.json").read_text())["context"]
    with tempfile.TemporaryDirectory() as folder, counted() as crossings:
        app = cdk.App(
            outdir=folder, context={**context, "aws:cdk:disable-creation-stack-traces": True}
        )
        APPS[app_name](app, services)
        try:
            app.synth()
        except RuntimeError as error:
            # What is written by hand acknowledges no finding: it fails at the very end.
            if "ValidationFailed" not in str(error) or "checked" not in app_name:
                raise
        templates = [json.loads(path.read_text()) for path in Path(folder).glob("*.template.json")]
    resources = sum(len(template.get("Resources", {})) for template in templates)
    return {"resources": resources, "crossings": dict(crossings)}


def main() -> None:
    """Synthesize and print what came of it, with the memory that Python took."""
    found = synthesized(sys.argv[1], int(sys.argv[2]))
    found["python_kilobytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(found))


if __name__ == "__main__":
    main()
