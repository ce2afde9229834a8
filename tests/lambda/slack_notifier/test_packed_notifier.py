"""The function as it is packed, in a process of its own, delivers what its sources deliver."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from container_pipelines._assets import _packed_folder

HERE = Path(__file__).parent
PROGRAM = """\
import json, sys, time
folder, origin, event = sys.argv[1:]
sys.path.insert(0, folder)
from slack_notifier import notifier, settings
assert notifier.__file__.startswith(folder)

class Ssm:
    def get_parameter(self, **_):
        return {"Parameter": {"Value": origin + "/services/T0/B0/secret"}}

class Context:
    def get_remaining_time_in_millis(self):
        return 60_000

function = notifier.Notifier(
    settings.Settings.of(
        {
            "SLACK_SECRET": "/slack/webhook",
            "SLACK_TEST_ORIGIN": origin,
            "DOCS_URL": "https://example.com/troubleshooting",
        }
    ),
    lambda service: Ssm(),
    monotonic=time.monotonic,
    now=time.time,
    sleep=time.sleep,
)
function.handle(json.loads(event), Context())
"""


@pytest.mark.parametrize("name", ["alarm", "ecs-task-out-of-memory", "unknown"])
def test_the_packed_notifier_sends_the_same(
    name: str, event: Callable[[str], Any], slack: Any
) -> None:
    behaviours = iter(["500 error", "ok"])
    slack.behave = lambda path, body: next(behaviours)
    folder = _packed_folder("slack_notifier").name
    subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, folder, slack.origin, json.dumps(event(name))],
        check=True,
        cwd="/",
        timeout=60,
    )
    (posted,) = slack.posted()
    assert posted == json.loads((HERE / "golden" / f"{name}.json").read_text())
