"""The commands as the Makefile calls them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.cloud import ROOT

pytestmark = pytest.mark.e2e

SECONDS = 240


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of its own, so that its processes are recognised and disturb nothing."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("local", "samples", "stacks", "constructs", "buildspecs", "lambda"):
        shutil.copytree(
            ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, checkout / name)
    (checkout / "node_modules").symlink_to(ROOT / "node_modules")
    (checkout / ".cache").mkdir()
    (checkout / ".cache" / "engine").symlink_to(ROOT / ".cache" / "engine")
    return checkout


@pytest.fixture
def start(checkout: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(command: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "local", command],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout / "constructs"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # As in a terminal: who runs the tests in the background has made us ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def left_of(checkout: Path) -> list[str]:
    """The processes that know the checkout, by command line, working directory or environment."""
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            content = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            content += bytes((folder / "cwd").readlink())
        except OSError:
            continue
        if str(checkout).encode() in content and int(folder.name) != os.getpid():
            left.append(content.replace(b"\0", b" ").decode(errors="replace")[:200])
    return left


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    seen = ""
    deadline = time.monotonic() + SECONDS
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
        assert time.monotonic() < deadline, seen
    pytest.fail(f"it ended without '{words}':\n{seen}")


def test_the_demo_ends_with_a_summary_and_leaves_nothing(
    start: Callable[..., subprocess.Popen[str]], checkout: Path, engine: object
) -> None:
    process = start("demo")
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert "✓ Build" in said
    assert "digest   sha256:" in said
    assert "pointer  /container-pipelines/my-container-app/image holds this image" in said
    assert "ended as Failed; the running version is unchanged" in said
    assert "ECS deployment circuit breaker" in said
    # No request failed during any of the three releases.
    assert said.count(" during the release, none failed") == 3, said
    assert said.count('{"message":"Hello from my-container-app","version":"1.0.0"}') == 2, said
    assert left_of(checkout) == []


@pytest.mark.parametrize(
    ("moment", "how"),
    [("Deploying every stack", signal.SIGINT), ("… Build", signal.SIGTERM)],
)
def test_it_can_be_stopped_at_any_moment_and_leaves_nothing(
    start: Callable[..., subprocess.Popen[str]],
    checkout: Path,
    engine: object,
    moment: str,
    how: signal.Signals,
) -> None:
    process = start("demo")
    read_until(process, moment)
    process.send_signal(how)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "nothing is left running" in said
    assert left_of(checkout) == []
    assert str(checkout) not in Path("/proc/mounts").read_text()


def test_without_an_engine_everything_is_deployed_and_the_release_skipped(
    start: Callable[..., subprocess.Popen[str]], checkout: Path
) -> None:
    process = start("demo", CONTAINER_ENGINE="none")
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert "✓ Deploying every stack" in said
    assert "the release is skipped" in said
    assert "CONTAINER_ENGINE=none: unset it to use an engine" in said
    assert left_of(checkout) == []


def test_up_push_down(start: Callable[..., subprocess.Popen[str]], engine: object) -> None:
    up = start("up")
    output = read_until(up, "stop:")
    push = start("push")
    said, _ = push.communicate(timeout=SECONDS)
    assert push.returncode == 0, said
    assert "digest   sha256:" in said
    root, deeper = re.findall(r"open: +(http://\S+)", output)
    assert deeper == f"{root}blue-green/"
    with urllib.request.urlopen(root) as response:  # noqa: S310 - this machine
        assert json.load(response)["message"] == "Hello from my-container-app"
    second = start("up")
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "a local cloud is running from this checkout already" in said
    down = start("down")
    said, _ = down.communicate(timeout=60)
    assert down.returncode == 0, said
    assert up.wait(timeout=10) == 130


@pytest.mark.parametrize("command", ["down", "push"])
def test_without_a_cloud_it_says_how_to_start_one(
    start: Callable[..., subprocess.Popen[str]], command: str
) -> None:
    process = start(command)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no local cloud is up; start one with `make local-up`" in said
