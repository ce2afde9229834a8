"""What all runs of private engines have in common: the programs and the base images."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.engine import stand_ins
from local.engine.debian import Archive, Release, this_release, unpack
from local.engine.model import EngineUnavailableError, Progress
from local.engine.once import made_once
from local.engine.registry_storage import RegistryStorage


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """Where things are, and what works there.

    Attributes
    ----------
    engine
        Root folder of the unpacked packages.
    base_images
        Storage folder of the registry of base images.
    storage_driver
        ``overlayfs``, or ``native`` where the file system cannot carry that, as in many containers.
    """

    engine: Path
    base_images: Path
    storage_driver: str


def install(cache: Path, base_images: Sequence[str], progress: Progress) -> Installation:
    """Make what is not there yet; see `local.engine.open_engine`."""
    own = this_release()
    shutil.rmtree(cache / "scratch", ignore_errors=True)
    (cache / "scratch").mkdir()
    return Installation(
        engine=_unpacked_engine(cache, own, progress),
        base_images=_stored_base_images(cache, own, base_images, progress),
        storage_driver=_storage_driver(cache),
    )


def _unpacked_engine(cache: Path, own: Release, progress: Progress) -> Path:
    def make(folder: Path) -> None:
        progress("Downloading a container engine (about 90 MB, once)")
        with _archive(cache, own) as archive:
            unpack(archive.fetch(own.packages), folder)
        for program in ("usr/sbin/dockerd", "usr/bin/containerd"):
            tried = subprocess.run(
                [folder / program, "--version"], capture_output=True, text=True, check=False
            )
            if tried.returncode != 0:
                raise EngineUnavailableError(
                    f"{program} of the unpacked engine does not run here: {tried.stderr.strip()}"
                )

    recipe = hashlib.sha256(repr(own).encode()).hexdigest()[:12]
    return made_once(cache / "packages" / recipe, make)


def _stored_base_images(
    cache: Path, own: Release, names: Sequence[str], progress: Progress
) -> Path:
    folder = cache / "base-images" / stand_ins.recipe()
    scratch = tempfile.TemporaryDirectory(dir=cache / "scratch")
    with scratch as work, _archive(cache, own) as archive:
        stand_ins.add_stand_ins(names, RegistryStorage(folder), archive, Path(work), progress)
    return folder


def _storage_driver(cache: Path) -> str:
    """Choose overlayfs unless the cache's file system cannot carry it, as in many containers."""
    with tempfile.TemporaryDirectory(dir=cache / "scratch") as folder:
        for name in ("lower", "upper", "work", "merged"):
            Path(folder, name).mkdir()
        options = "lowerdir=lower,upperdir=upper,workdir=work"
        tried = subprocess.run(
            ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, "merged"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
    return "overlayfs" if tried.returncode == 0 else "native"


@contextlib.contextmanager
def _archive(cache: Path, own: Release) -> Iterator[Archive]:
    with tempfile.TemporaryDirectory(prefix="apt-", dir=cache / "scratch") as folder:
        yield Archive(own, Path(folder))
