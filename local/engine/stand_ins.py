"""Stand-ins for base images of Docker Hub, where Docker Hub cannot be reached.

The public gallery of ECR mirrors these images, and so does a stand-in: ``node:24-alpine`` is
``public.ecr.aws/docker/library/node:24-alpine`` as well.

A stand-in carries the real Node.js and npm of its version, on a small root file system of Debian
packages. It answers to what Dockerfiles of Node.js services use; it is no Alpine Linux, has no
package archive, and what is built on it is not for shipping.

With them goes a stand-in of ``docker/dockerfile``, which Dockerfiles name in their ``syntax`` line:
it uses the frontend that is built into the engine. And one of the image that services start with,
and of ``moby/buildkit``, which builders in containers run: it builds with the engine's BuildKit.
"""

import hashlib
import json
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from local.engine.debian import Archive, unpack
from local.engine.model import EngineUnavailableError, Progress
from local.engine.registry_storage import Layer, RegistryStorage

_PACKAGES = ("busybox-static", "ca-certificates", "libatomic1", "libc6", "libgcc-s1", "libstdc++6")
_YARN = "1.22.22"
_OWN_FILES = Path(__file__).with_name("stand_in")
_FRONTEND_FILES = Path(__file__).with_name("stand_in_frontend")
_SEED_FILES = Path(__file__).with_name("stand_in_seed")
# Up to what the engine's own frontend understands.
_FRONTEND_TAGS = ("latest", "1", "1.2", "1.3", "1.4", "1.5", "1.6")
_BUILDER_FILES = Path(__file__).with_name("stand_in_builder")
_BUILDER, _BUILDER_TAG = "moby/buildkit", "buildx-stable-1"
_SEED = "google-samples/containers/gke/hello-app"
_SEED_TAG = "1.0"
# On Docker Hub, and in ECR's public gallery.
_REPOSITORIES = ("library/node", "docker/library/node")
_OWNERS = {"home/node": 1000}
_UNUSED = ("usr/share", "usr/lib/*/gconv", "usr/lib/*/audit")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Machine -> architecture as Go (and so OCI) names it, and as Node.js does.
_ARCHITECTURES = {"x86_64": ("amd64", "x64"), "aarch64": ("arm64", "arm64")}


@dataclass(frozen=True, slots=True)
class StandIn:
    """A base image that can be stood in for: its tag, and the versions in it."""

    tag: str
    node: str
    npm: str


STAND_INS: Mapping[str, StandIn] = {
    f"node:{image.tag}": image
    for image in (
        StandIn("20-alpine", node="20.20.2", npm="10.8.2"),
        StandIn("22-alpine", node="22.23.3", npm="10.9.9"),
        StandIn("24-alpine", node="24.21.0", npm="11.6.2"),
    )
}


def recipe() -> str:
    """Name everything that stand-ins are made by; it changes when they would."""
    digest = hashlib.sha256(platform.machine().encode())
    digest.update(Path(__file__).read_bytes())
    for folder in (_OWN_FILES, _FRONTEND_FILES, _BUILDER_FILES, _SEED_FILES):
        for source in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def add_stand_ins(
    names: Iterable[str],
    storage: RegistryStorage,
    archive: Archive,
    scratch: Path,
    progress: Progress,
) -> None:
    """Make the stand-ins that are not in the storage yet.

    Parameters
    ----------
    names
        Names as a Dockerfile has them; see `STAND_INS`.
    storage
        Where they go.
    archive
        Where Debian's packages come from.
    scratch
        An existing folder for temporary files.
    progress
        Called with a line for people before each long step.
    """
    wanted = {name: _known(name) for name in names}
    missing = {
        name: image
        for name, image in wanted.items()
        if not storage.has(_REPOSITORIES[-1], image.tag)
    }
    if not missing:
        return
    with TemporaryDirectory(dir=scratch) as folder:
        base = storage.add_layer(_base(archive, Path(folder)), _OWNERS)
    frontend = storage.add_layer(_FRONTEND_FILES, {})
    seed = storage.add_layer(_SEED_FILES, {})
    _store_builder([base, storage.add_layer(_BUILDER_FILES, {})], storage)
    for name, image in missing.items():
        progress(f"Building the stand-in of {name}: Node.js {image.node}")
        with TemporaryDirectory(dir=scratch) as folder:
            layer = storage.add_layer(_node(image, Path(folder)), {})
        _store_frontend([base, layer, frontend], storage)
        _store_seed([base, layer, seed], storage)
        # Last: from then on nothing of this is done again.
        _store(image, [base, layer], storage)


def _known(name: str) -> StandIn:
    try:
        return STAND_INS[name]
    except KeyError:
        raise EngineUnavailableError(
            f"there is no stand-in of '{name}', only of {', '.join(STAND_INS)}; "
            "build on one of these, or start Docker to use the real one"
        ) from None


def _store(image: StandIn, layers: list[Layer], storage: RegistryStorage) -> None:
    for repository in _REPOSITORIES:
        storage.add_image(
            repository,
            image.tag,
            architecture=_architecture()[0],
            layers=layers,
            config={
                "Env": [f"PATH={_PATH}", f"NODE_VERSION={image.node}", f"YARN_VERSION={_YARN}"],
                "Entrypoint": ["docker-entrypoint.sh"],
                "Cmd": ["node"],
            },
        )


def _store_frontend(layers: list[Layer], storage: RegistryStorage) -> None:
    for tag in _FRONTEND_TAGS:
        storage.add_image(
            "docker/dockerfile",
            tag,
            architecture=_architecture()[0],
            layers=layers,
            config={"Env": [f"PATH={_PATH}"], "Entrypoint": ["node", "/frontend.mjs"]},
        )


def _store_seed(layers: list[Layer], storage: RegistryStorage) -> None:
    storage.add_image(
        _SEED,
        _SEED_TAG,
        architecture=_architecture()[0],
        layers=layers,
        config={"Env": [f"PATH={_PATH}"], "Entrypoint": ["node", "/hello.mjs"]},
    )


def _store_builder(layers: list[Layer], storage: RegistryStorage) -> None:
    storage.add_image(
        _BUILDER,
        _BUILDER_TAG,
        architecture=_architecture()[0],
        layers=layers,
        config={"Env": [f"PATH={_PATH}"], "Entrypoint": ["buildkitd"]},
    )


def _architecture() -> tuple[str, str]:
    try:
        return _ARCHITECTURES[platform.machine()]
    except KeyError:
        raise EngineUnavailableError(
            f"base images can be stood in for on {' and '.join(_ARCHITECTURES)} only, "
            f"this is {platform.machine()}; start Docker and try again"
        ) from None


def _base(archive: Archive, folder: Path) -> Path:
    """Make the root file system below Node.js."""
    unpacked, root = folder / "unpacked", folder / "root"
    unpack(archive.fetch(_PACKAGES), unpacked)
    # Packages before and after Debian's merge of / and /usr end up at the same place.
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
        if (unpacked / name).is_dir():
            _copy(unpacked / name, root / "usr" / name)
            shutil.rmtree(unpacked / name)
    _copy(unpacked, root)
    _trust_authorities(root)
    for pattern in _UNUSED:
        for unused in root.glob(pattern):
            shutil.rmtree(unused)
    for name in ("home/node", "root", "tmp", "var/tmp", "proc", "sys", "dev", "run"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    _copy(_OWN_FILES, root)
    _link_applets(root)
    return root


def _trust_authorities(root: Path) -> None:
    # What the package's own script would do when it is installed.
    certificates = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(certificate.read_bytes() for certificate in certificates))


def _link_applets(root: Path) -> None:
    busybox = next(root.glob("usr/*bin/busybox"))
    listed = subprocess.run([busybox, "--list-full"], check=True, capture_output=True, text=True)
    target = f"/{busybox.relative_to(root)}"
    for applet in listed.stdout.split():
        name = applet if applet.startswith("usr/") else f"usr/{applet}"
        link = root / name
        if not link.exists() and link.parent.is_dir() and link.name not in {"dpkg", "rpm"}:
            link.symlink_to(target)


def _node(image: StandIn, folder: Path) -> Path:
    """Make the layer with Node.js, npm and Yarn, laid out as Docker's official image has it."""
    root, local = folder / "root", folder / "root/usr/local"
    programs = local / "bin"
    programs.mkdir(parents=True)
    runtime = _npm_package(f"node-linux-{_architecture()[1]}", image.node, folder)
    (runtime / "bin/node").rename(programs / "node")
    (local / "lib/node_modules").mkdir(parents=True)
    _npm_package("npm", image.npm, folder).rename(local / "lib/node_modules/npm")
    (root / "opt").mkdir()
    _npm_package("yarn", _YARN, folder).rename(root / f"opt/yarn-v{_YARN}")
    links = {
        "nodejs": "node",
        "npm": "../lib/node_modules/npm/bin/npm-cli.js",
        "npx": "../lib/node_modules/npm/bin/npx-cli.js",
        "yarn": f"/opt/yarn-v{_YARN}/bin/yarn",
        "yarnpkg": f"/opt/yarn-v{_YARN}/bin/yarnpkg",
    }
    for name, target in links.items():
        (programs / name).symlink_to(target)
    return root


def _npm_package(name: str, version: str, folder: Path) -> Path:
    """Fetch and unpack a package with npm, which checks it against the registry's digest."""
    if shutil.which("npm") is None:
        raise EngineUnavailableError("npm is missing: install Node.js, which the CDK needs as well")
    command = ["npm", "pack", f"{name}@{version}", "--json", "--pack-destination", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EngineUnavailableError(
            f"npm cannot fetch {name} {version}:\n{done.stderr.strip()[-2000:]}"
        )
    packed = folder / json.loads(done.stdout)[0]["filename"]
    unpacked = folder / name
    with tarfile.open(packed) as tar:
        tar.extractall(unpacked, filter="data")
    packed.unlink()
    return unpacked / "package"


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
