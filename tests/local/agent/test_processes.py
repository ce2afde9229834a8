"""How builds are ended, and that nothing of them is left."""

import getpass
import os
import time
import uuid
from pathlib import Path

import pytest

from local.agent.shell import ShellError, _identity


@pytest.fixture
def seconds() -> str:
    """How long to sleep: for ever, and by a number that no other process has."""
    return f"{uuid.uuid4().int % 10**12 + 10**12}"


def _running(argument: str) -> bool:
    """Return whether a process has an argument; those that are dead have none."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument.encode() in process.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def _spec(*commands: str) -> str:
    lines = "".join(f"\n      - {command}" for command in commands)
    return (
        f"version: 0.2\nphases:\n  build:\n    commands:{lines}\n    finally: [echo never]\n"
        "  post_build: {commands: [echo never]}\nartifacts: {files: ['*']}"
    )


# In the same session, in another one, and without a parent in another one.
_LEFT_BEHIND = (
    "sleep {0}1 &",
    "setsid sleep {0}2 &",
    "(setsid sh -c 'sleep {0}3 & exec true' &)",
)


def test_a_build_that_takes_too_long_is_ended_with_all_its_processes(build, seconds):
    started = time.monotonic()
    commands = [command.format(seconds) for command in _LEFT_BEHIND]
    result = build(_spec(*commands, f"env -i sleep {seconds}5 & sleep {seconds}4"), timeout=0.4)

    assert time.monotonic() - started < 5
    assert result.status == "TIMED_OUT"
    ended = [(phase.name, phase.status) for phase in result.phases[-2:]]
    assert ended == [("BUILD", "TIMED_OUT"), ("FINALIZING", "SUCCEEDED")]
    assert result.phases[-2].message == "BUILD_TIMED_OUT: Build has timed out."
    assert result.artifacts is None
    assert "never" not in build.output
    assert {_running(f"{seconds}{number}") for number in (1, 2, 3, 4, 5)} == {False}


def test_a_build_that_is_stopped_ends_with_all_its_processes(build, seconds):
    build.on_line = lambda line: build.stop.set() if line == "here" else None
    commands = [command.format(seconds) for command in _LEFT_BEHIND]
    result = build(
        _spec(*commands, f"env -i sleep {seconds}5 & echo here; sleep {seconds}4; echo never")
    )

    assert result.status == "STOPPED"
    ended = [(phase.name, phase.status) for phase in result.phases[-2:]]
    assert ended == [("BUILD", "STOPPED"), ("FINALIZING", "SUCCEEDED")]
    assert "never" not in build.output
    assert {_running(f"{seconds}{number}") for number in (1, 2, 3, 4, 5)} == {False}


def test_a_build_that_was_stopped_before_runs_nothing(build):
    build.stop.set()
    result = build(_spec("echo never"))

    assert result.status == "STOPPED"
    assert [phase.name for phase in result.phases] == ["DOWNLOAD_SOURCE", "INSTALL", "FINALIZING"]
    assert build.output == []


def test_background_processes_go_on_to_the_end_of_the_build(build, seconds):
    build(
        "version: 0.2\nphases:\n"
        f"  install: {{commands: ['nohup sleep {seconds} > /dev/null & echo $! > pid']}}\n"
        "  build: {commands: ['kill -0 $(cat pid) && echo alive']}"
    )

    assert build.output == ["alive"]
    assert not _running(seconds)


def test_a_command_does_not_wait_for_what_it_left_in_the_background(build, seconds):
    started = time.monotonic()
    result = build(
        f"version: 0.2\nphases: {{build: {{commands: ['sleep {seconds} & exit 0', echo on]}}}}"
    )

    assert time.monotonic() - started < 5
    assert result.status == "SUCCEEDED"
    assert build.output == ["on"]


def test_output_of_the_background_is_logged(build):
    # The reader waits for the writer, so the order is certain.
    build(
        "version: 0.2\nphases: {build: {commands: [mkfifo gate, "
        "'(read x < gate; echo from behind; echo > gate) &', 'echo > gate; read x < gate']}}"
    )

    assert build.output == ["from behind"]


def test_more_output_than_a_pipe_holds_arrives_whole(build):
    build("version: 0.2\nphases: {build: {commands: ['seq 1 50000', 'seq 1 3']}}")

    assert build.output == [*map(str, range(1, 50001)), "1", "2", "3"]


def test_a_process_that_writes_without_end_does_not_hold_up_the_build(build):
    result = build("version: 0.2\nphases: {build: {commands: ['yes &', echo on]}}")

    assert result.status == "SUCCEEDED"
    assert "on" in build.output


def test_an_error_of_the_log_leaves_no_process(build, seconds):
    def fail(line: str) -> None:
        if line == "here":
            raise OSError("the log is gone")

    build.on_line = fail
    with pytest.raises(OSError, match="the log is gone"):
        build(_spec(f"setsid sleep {seconds}1 & echo here; sleep {seconds}2"))

    assert not _running(f"{seconds}1")
    assert not _running(f"{seconds}2")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run commands as another user")
def test_commands_run_as_the_user_of_the_phase_or_of_the_buildspec(build):
    result = build(
        "version: 0.2\nrun-as: nobody\nphases:\n"
        "  install: {run-as: root, commands: [id -un, export FROM=root]}\n"
        "  build: {commands: [id -un; id -u; id -G, 'echo $FROM']}"
    )

    assert result.status == "SUCCEEDED", build.log
    assert build.output[:3] == ["root", "nobody", "65534"]
    assert "0" not in build.output[3].split()
    assert build.output[4] == "root"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run commands as another user")
def test_a_user_cannot_reach_what_a_later_command_runs_as_another_user(build):
    victim = build.source / "victim"
    result = build(
        "version: 0.2\nphases:\n"
        f"  install: {{run-as: nobody, commands: ['rm -f $0 && ln -s {victim} $0']}}\n"
        "  build: {commands: ['stat -c %U $0 $(dirname $0)']}"
    )

    assert result.status == "SUCCEEDED", build.log
    assert build.output == ["root", "root"]
    assert not victim.exists()


def test_a_user_that_does_not_exist_fails_the_phase(build):
    result = build(
        "version: 0.2\nphases: {install: {run-as: no-such-user, commands: [echo never]}}"
    )

    assert result.status == "FAILED"
    assert "there is no user no-such-user on this machine" in result.phases[1].message
    assert build.output == []


def test_only_root_can_become_another_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4321)

    with pytest.raises(ShellError, match="only root can run commands as root; start this as root"):
        _identity("root")


def test_oneself_needs_no_change():
    assert _identity(getpass.getuser()) == {}


def test_a_shell_that_is_not_there_fails_the_download(build, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, **_: None if name == "bash" else "/bin/sh")
    result = build("version: 0.2\nenv: {shell: bash}\nphases: {build: {commands: [echo never]}}")

    assert result.phases[0].message == "CLIENT_ERROR: bash is not on this machine: install it"
    assert result.status == "FAILED"


def test_no_descriptor_is_left_open(build):
    before = len(list(Path("/proc/self/fd").iterdir()))
    build(_spec("true"))
    build("version: 0.2\nphases: {install: {run-as: no-such-user, commands: [x]}}")

    assert len(list(Path("/proc/self/fd").iterdir())) == before
