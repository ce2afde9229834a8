"""Keeper of one private engine: ``python -m local.engine.keeper PLAN``.

It runs in a mount namespace of its own, starts the sandbox, serves the TLS front and the way from
builders to the engine, and prints one line of JSON when the engine answers. When its standard input
closes, because who started it is done or dead, it stops the sandbox and removes what a namespace
does not take along: the cgroups and the run's folder. When it is killed itself, the kernel kills
the sandbox.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

from local.engine.front import serve_front
from local.engine.plan import Plan
from local.engine.relay import relay

_STARTING_SECONDS = 60
_STOPPING_ROUNDS, _STOPPING_ROUND_SECONDS = 40, 0.2
_CGROUPS = Path("/sys/fs/cgroup")


def main() -> int:
    """Keep the engine until standard input closes."""
    # A Ctrl-C in the terminal is for who started us; the end of that process is what counts here.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    plan = Plan.read(Path(sys.argv[1]))
    _mount("--bind", str(plan.hosts_file), "/etc/hosts")
    _mount("-t", "cgroup2", "cgroup2", str(_CGROUPS))
    cgroup = _CGROUPS / plan.cgroup
    _remove_cgroups(cgroup)
    cgroup.mkdir(exist_ok=True)
    try:
        return asyncio.run(_keep(plan))
    finally:
        _remove_cgroups(cgroup)
        shutil.rmtree(plan.run, ignore_errors=True)


async def _keep(plan: Plan) -> int:
    control, inner = socket.socketpair()
    # fmt: off
    sandbox = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "KILL",
        "unshare", "--net", "--pid", "--mount", "--ipc", "--uts", "--fork", "--kill-child",
        "--mount-proc",
        sys.executable, "-m", "local.engine.sandbox",
        str(plan.run / "plan.json"), str(inner.fileno()),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[inner.fileno()],
    )
    # fmt: on
    inner.close()
    ended = asyncio.ensure_future(sandbox.wait())
    released = asyncio.ensure_future(_end_of_input())
    starting = asyncio.ensure_future(_start(plan, control))
    try:
        await asyncio.wait(
            {ended, released, starting},
            timeout=_STARTING_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not starting.done():
            return 1
        await starting
        print(json.dumps({"sandbox": sandbox.pid, "keeper": os.getpid()}), flush=True)
        await asyncio.wait({ended, released}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        starting.cancel()
        control.close()
        # Containers are not asked: dockerd would wait as long for each as its own time-out says.
        for _ in range(_STOPPING_ROUNDS):
            _kill_cgroup(_CGROUPS / plan.cgroup)
            await asyncio.wait({ended}, timeout=_STOPPING_ROUND_SECONDS)
            if ended.done():
                break
        else:
            sandbox.kill()
            await ended
    return 0 if released.done() else 1


async def _start(plan: Plan, control: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    message, descriptors, *_ = await loop.run_in_executor(None, socket.recv_fds, control, 16, 2)
    if not message:
        raise ConnectionError("the sandbox ended before it opened its ports")
    https, builder = (socket.socket(fileno=descriptor) for descriptor in descriptors)
    for listener in (https, builder):
        listener.setblocking(False)
    await serve_front(https, plan.certificate, plan.targets)
    await asyncio.start_server(partial(relay, target=plan.docker_socket), sock=builder)
    while not await _answers(plan.docker_socket):
        await asyncio.sleep(0.05)


async def _answers(docker: Path) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(docker)
    except OSError:
        return False
    with contextlib.closing(writer):
        writer.write(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b" 200 " in await reader.readline()


async def _end_of_input() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, stdout=subprocess.DEVNULL)


def _kill_cgroup(top: Path) -> None:
    with contextlib.suppress(OSError):  # the file is new in Linux 5.14
        (top / "cgroup.kill").write_text("1")


def _remove_cgroups(top: Path) -> None:
    """Remove a cgroup tree; its processes died with the sandbox, or with that of an earlier run."""
    for folder, _, _ in os.walk(top, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()


if __name__ == "__main__":
    sys.exit(main())
