"""One run of a private engine: where its files are, and what its processes are configured with."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local.engine.model import Registries
from local.engine.relay import Target

STAND_IN_REGISTRIES = (
    *("docker.io", "registry-1.docker.io", "index.docker.io", "auth.docker.io"),
    "public.ecr.aws",  # which mirrors Docker Hub's official images
    "us-docker.pkg.dev",  # where the image is that services start with
)

# Where a builder in a container finds the engine: BuildKit's customary port.
BUILDER_PORT = 1234

# One of the few /24 that neither Docker's own defaults nor common private networks use.
_BRIDGE_ADDRESS = "172.30.98.1"
_BUILD_CACHE_LIMIT = "10GB"
# Snapshotter of containerd -> what dockerd's own store has in its place.
_GRAPH_DRIVERS = {"overlayfs": "overlay2", "native": "vfs"}

# dockerd would start a containerd of its own, but one that writes outside our folders.
_CONTAINERD = """
version = 2
root = {root}
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = {socket}
[debug]
level = "warn"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Paths and names of one run.

    Attributes
    ----------
    run
        Folder of this run alone; its path is short, since unix sockets lie in it.
    engine
        Root folder of the unpacked packages.
    state
        What survives the run: images and build cache.
    base_images
        Storage folder of the registry that answers as Docker Hub, as its mirror in ECR's public
        gallery, and as that of the seed image.
    log
        File for everything that the engine's processes print.
    cgroup
        Name of the cgroup below which all containers run.
    storage_driver
        Snapshotter of containerd: ``overlayfs``, or ``native`` where that cannot be mounted.
    registries
        Host name -> address of a plain HTTP registry.
    htpasswd
        File of those who may pull from Docker Hub, with bcrypt hashes; ``None``: anyone.
    has_containerd_store
        Whether images are in containerd's store, and not in dockerd's own, as on CodeBuild.
    """

    run: Path
    engine: Path
    state: Path
    base_images: Path
    log: Path
    cgroup: str
    storage_driver: str
    registries: Registries
    htpasswd: Path | None = None
    has_containerd_store: bool = True

    @property
    def docker_socket(self) -> Path:
        """Where dockerd listens."""
        return self.run / "docker.sock"

    @property
    def hub_socket(self) -> Path:
        """Where the registry of base images listens."""
        return self.run / "hub.sock"

    @property
    def hosts_file(self) -> Path:
        """What stands in for ``/etc/hosts``."""
        return self.run / "hosts"

    @property
    def authority(self) -> Path:
        """Certificate of the private authority, the only one that the engine trusts."""
        return self.run / "ca.pem"

    @property
    def certificate(self) -> Path:
        """Key and certificate of the TLS front."""
        return self.run / "front.pem"

    @property
    def daemon_configuration(self) -> Path:
        """``daemon.json`` of dockerd."""
        return self.run / "daemon.json"

    @property
    def containerd_configuration(self) -> Path:
        """``config.toml`` of containerd."""
        return self.run / "containerd.toml"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens, seen from within the sandbox."""
        return Path("/run/containerd/containerd.sock")

    @property
    def hub_configuration(self) -> Path:
        """Configuration of the registry of base images (JSON, which is YAML)."""
        return self.run / "hub.yml"

    @property
    def targets(self) -> dict[str, Target]:
        """Server name -> what the TLS front connects it to."""
        hub: dict[str, Target] = dict.fromkeys(STAND_IN_REGISTRIES, self.hub_socket)
        return hub | {name: (host, port) for name, (host, port) in self.registries.items()}

    def write(self) -> Path:
        """Write this plan and the configuration files into the run's folder."""
        self.hosts_file.write_text(hosts([*self.targets]))
        self.daemon_configuration.write_text(json.dumps(self._daemon()))
        self.containerd_configuration.write_text(
            _CONTAINERD.format(  # a JSON string is a TOML string
                root=json.dumps(str(self.state / "containerd")),
                socket=json.dumps(str(self.containerd_socket)),
            )
        )
        self.hub_configuration.write_text(json.dumps(self._hub()))
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        file = self.run / "plan.json"
        file.write_text(json.dumps(fields, default=str))
        return file

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `write` wrote."""
        fields: dict[str, Any] = json.loads(file.read_text())
        for name in ("run", "engine", "state", "base_images", "log"):
            fields[name] = Path(fields[name])
        fields["htpasswd"] = Path(fields["htpasswd"]) if fields["htpasswd"] else None
        fields["registries"] = {n: (h, p) for n, (h, p) in fields["registries"].items()}
        return cls(**fields)

    def _daemon(self) -> dict[str, object]:
        return {
            "hosts": [f"unix://{self.docker_socket}"],
            "data-root": str(self.state),
            "exec-root": "/run/docker",
            "containerd": str(self.containerd_socket),
            "pidfile": "/run/docker.pid",
            # Only containerd's image store lets the engine's BuildKit, which the stand-in of one in
            # a container leads to, export a registry cache.
            "features": {"containerd-snapshotter": self.has_containerd_store},
            "storage-driver": self.storage_driver
            if self.has_containerd_store
            else _GRAPH_DRIVERS[self.storage_driver],
            "group": "root",
            "bip": f"{_BRIDGE_ADDRESS}/24",
            # Nobody answers there, and says so: a name look-up fails at once, not after a while.
            "dns": [_BRIDGE_ADDRESS],
            # The sandbox's network leads nowhere: nothing to filter or masquerade. What is
            # forwarded all the same is refused at once instead of being lost.
            "iptables": False,
            "ip6tables": False,
            "ip-masq": False,
            "userland-proxy-path": str(self.engine / "usr/sbin/docker-proxy"),
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": f"/{self.cgroup}",
            "builder": {"gc": {"enabled": True, "defaultKeepStorage": _BUILD_CACHE_LIMIT}},
            "shutdown-timeout": 3,
            "log-level": "warn",
        }

    def _hub(self) -> dict[str, object]:
        configuration: dict[str, object] = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(self.base_images)},
                "maintenance": {"readonly": {"enabled": True}},
            },
            "http": {"net": "unix", "addr": str(self.hub_socket), "secret": "read-only"},
        }
        if self.htpasswd is not None:
            configuration["auth"] = {
                "htpasswd": {"realm": "Docker Hub", "path": str(self.htpasswd)}
            }
        return configuration


def hosts(names: Iterable[str]) -> str:
    """Hosts file in which the names, and localhost, are this machine."""
    return "".join(f"127.0.0.1 {name}\n" for name in ["localhost", *names])
