"""What buildx runs in the container of a builder, with a netcat in the place of the engine."""

import os
import subprocess
from pathlib import Path

import pytest

from local.engine import stand_ins

PROGRAMS = Path(stand_ins.__file__).with_name("stand_in_builder") / "usr/bin"


def buildctl(
    folder: Path, *arguments: str, answer: str, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run it; the engine gives the answer, and after it all that it was sent."""
    netcat = folder / "nc"
    netcat.write_text(f"#!/bin/sh\necho \"$@\" >{folder}/address\nprintf '{answer}'\nexec cat\n")
    netcat.chmod(0o755)
    return subprocess.run(
        ["/bin/sh", PROGRAMS / "buildctl", *arguments],
        env={"PATH": f"{folder}:{os.defpath}"},
        input=given,
        capture_output=True,
        check=False,
    )


UPGRADED = r"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


def test_a_connection_carries_what_is_sent_as_it_is(tmp_path: Path) -> None:
    frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\xff \\n %s\n\n"
    done = buildctl(tmp_path, "dial-stdio", answer=UPGRADED, given=frames)
    assert (done.returncode, done.stderr) == (0, b"")
    request, _, rest = done.stdout.partition(b"\r\n\r\n")
    assert request.startswith(b"POST /grpc HTTP/1.1\r\n")
    assert b"\r\nUpgrade: h2c" in request
    assert rest == frames
    assert (tmp_path / "address").read_text() == "127.0.0.1 1234\n"


@pytest.mark.parametrize(
    ("answer", "code"),
    [(r"HTTP/1.0 200 OK\r\n\r\n", 0), (r"HTTP/1.0 503 Unavailable\r\n\r\n", 1), ("", 1)],
)
def test_the_daemon_answers_when_the_engine_does(tmp_path: Path, answer: str, code: int) -> None:
    assert buildctl(tmp_path, "debug", "workers", answer=answer).returncode == code


def test_an_engine_that_refuses_the_connection_is_told(tmp_path: Path) -> None:
    done = buildctl(tmp_path, "dial-stdio", answer=r"HTTP/1.1 404 Not Found\r\n\r\n")
    assert done.returncode == 1
    assert done.stderr == b"the engine answered 404\n"
    assert done.stdout == b""


def test_another_command_is_refused(tmp_path: Path) -> None:
    done = buildctl(tmp_path, "prune", answer="")
    assert (done.returncode, done.stderr) == (1, b"this stand-in of buildctl knows no 'prune'\n")


def test_the_daemon_stays_until_it_is_stopped() -> None:
    daemon = subprocess.Popen(["/bin/sh", PROGRAMS / "buildkitd", "--config", "any"])
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.wait(0.2)
    daemon.terminate()
    assert daemon.wait(5) == 0
