"""Process 1 of the private engine's sandbox: ``python -m local.engine.sandbox PLAN CONTROL``.

It runs in network, process, mount, IPC and host name namespaces that end with it. It opens the
HTTPS port and that of builders, hands them out over the control socket, and runs dockerd and the
registry of base images until the other end of that socket closes.
"""

import contextlib
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from local.engine.plan import BUILDER_PORT, Plan

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_INTERFACE_FLAGS = "16sH22x"


def main() -> int:
    """Run the engine until one of its parts ends; the exit code is that part's."""
    plan = Plan.read(Path(sys.argv[1]))
    control = socket.socket(fileno=int(sys.argv[2]))
    control.set_inheritable(False)
    # /run: engines keep sockets there under fixed names. /sys: shows the network of who mounts it.
    for kind, folder in [("tmpfs", "/run"), ("sysfs", "/sys"), ("cgroup2", "/sys/fs/cgroup")]:
        subprocess.run(["mount", "-t", kind, kind, folder], check=True)
    _bring_up("lo")
    with (
        socket.create_server(("127.0.0.1", 443)) as https,
        socket.create_server(("127.0.0.1", BUILDER_PORT)) as builder,
    ):
        socket.send_fds(control, [b"ports"], [https.fileno(), builder.fileno()])

    environment = {
        "PATH": f"{plan.engine}/usr/sbin:{plan.engine}/usr/bin:{os.defpath}:/usr/sbin:/sbin",
        "SSL_CERT_FILE": str(plan.authority),
    }
    registry = subprocess.Popen(
        ["docker-registry", "serve", plan.hub_configuration], env=environment
    )
    containerd = subprocess.Popen(
        ["containerd", "--config", plan.containerd_configuration], env=environment
    )
    while not plan.containerd_socket.exists():
        if containerd.poll() is not None:
            return 1
        time.sleep(0.01)
    dockerd = subprocess.Popen(
        ["dockerd", "--config-file", plan.daemon_configuration], env=environment
    )

    def stop_when_control_closes() -> None:
        with contextlib.suppress(OSError):
            control.recv(1)
        os.kill(dockerd.pid, signal.SIGTERM)

    threading.Thread(target=stop_when_control_closes, daemon=True).start()
    while True:  # process 1 inherits every orphan, containerd's shims among them
        ended, status = os.wait()
        if ended in {registry.pid, containerd.pid, dockerd.pid}:
            return os.waitstatus_to_exitcode(status)


def _bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack(_INTERFACE_FLAGS, interface.encode(), 0)
        name, flags = struct.unpack(
            _INTERFACE_FLAGS, fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        )
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack(_INTERFACE_FLAGS, name, flags | _IFF_UP))


if __name__ == "__main__":
    sys.exit(main())
