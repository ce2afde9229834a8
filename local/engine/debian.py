"""Packages of Debian and Ubuntu, fetched and unpacked without touching the system's own.

apt itself fetches and verifies them, in a root folder of its own: from the mirrors that this
system is configured for, with the distribution's keyring, into no place that the system knows.
"""

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.engine.model import EngineUnavailableError

_KEYRINGS = Path("/usr/share/keyrings")
_TARGET = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A release of a distribution, and which packages an engine is made of there.

    Attributes
    ----------
    distribution, codename
        As in ``/etc/os-release``.
    packages
        What the engine consists of.
    newer
        Code names of later releases -> packages that come from there, where this release's own
        are too old.
    """

    distribution: str
    codename: str
    packages: Sequence[str]
    newer: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def keyring(self) -> Path:
        """The distribution's archive keyring."""
        return _KEYRINGS / f"{self.distribution}-archive-keyring.gpg"


_ENGINE = ("docker.io", "docker-buildx", "containerd", "runc", "docker-registry", "tini")
# Before version 0.22 buildx pushes twice, and the second time each manifest of an index under the
# tag: a registry with immutable tags refuses that. The program stands alone, so it runs anywhere.
_BUILDX = ("docker-buildx",)


def this_release() -> Release:
    """Tell what an engine is made of on this system.

    Raises
    ------
    EngineUnavailableError
        If this is neither Debian nor Ubuntu, or too old.
    """
    try:
        fields = platform.freedesktop_os_release()
    except OSError:
        fields = {}
    return release(fields.get("ID", ""), fields.get("VERSION_CODENAME", ""))


def release(distribution: str, codename: str) -> Release:
    """Tell what an engine is made of on a release; see `this_release`."""
    packages: Sequence[str] = (*_ENGINE, "docker-cli")
    newer: Mapping[str, Sequence[str]] = {}
    match distribution, codename:
        case "debian", "bookworm":
            # bookworm's Docker is from before containerd's image store. trixie's programs run
            # here, but for runc, which wants a newer C library.
            newer = {"trixie": ("docker.io", "docker-cli", "containerd"), "forky": _BUILDX}
        case "debian", "trixie":
            newer = {"forky": _BUILDX}
        case "debian", codename if codename not in {"", "buster", "bullseye"}:
            pass
        case "ubuntu", codename if codename not in {"", "bionic", "focal", "jammy"}:
            packages = _ENGINE
        case _:
            raise EngineUnavailableError(
                "the private engine can be set up on Debian 12 or later and Ubuntu 24.04 or "
                f"later, this is {distribution or 'another system'} {codename}".rstrip()
                + "; start Docker and try again"
            )
    return Release(distribution=distribution, codename=codename, packages=packages, newer=newer)


def sources_list(index_targets: str, own: Release) -> str:
    """Write a one-line-style sources list.

    Parameters
    ----------
    index_targets
        What ``apt-get indextargets`` printed for the system's own configuration.
    own
        The release. Of the system's sources only its archive's count: those with the release's
        code name, alone or with a pocket such as ``-security``. Newer releases are taken from the
        same mirrors.
    """
    signed = f"[signed-by={own.keyring}] " if own.keyring.exists() else ""
    lines: dict[str, None] = {}
    for target in index_targets.splitlines():
        uri, suite, component, created_by = target.split("|")
        name, dash, pocket = suite.partition("-")
        known = pocket in {"", "updates", "security"} and component in {"main", "universe"}
        if name != own.codename or not known or created_by != "Packages":
            continue
        for codename in (own.codename, *own.newer):
            lines[f"deb {signed}{uri} {codename}{dash}{pocket} {component}\n"] = None
    if not lines:
        raise EngineUnavailableError(
            f"apt has no source for {own.distribution} {own.codename}: add the archive to "
            "/etc/apt/sources.list.d"
        )
    return "".join(lines)


def preferences(own: Release) -> str:
    """Write apt preferences that take the named packages, and no other, from newer releases."""
    return "".join(
        f"Package: *\nPin: release n={codename}*\nPin-Priority: -1\n\n"
        f"Package: {' '.join(packages)}\nPin: release n={codename}*\nPin-Priority: 990\n\n"
        for codename, packages in own.newer.items()
    )


class Archive:
    """The release's package archive.

    Parameters
    ----------
    own
        The release that this system runs.
    folder
        An existing folder of the archive's own, for indexes and downloads.
    """

    def __init__(self, own: Release, folder: Path) -> None:
        self._own = own
        self._folder = folder
        self._environment = {**os.environ, "APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C"}

    def fetch(self, packages: Iterable[str]) -> list[Path]:
        """Download packages; apt checks them against the signed indexes."""
        if not (self._folder / "apt.conf").exists():
            self._update()
        downloads = self._folder / "archives"
        for outdated in downloads.glob("*.deb"):
            outdated.unlink()
        self._apt("download", "-q", *packages)
        return sorted(downloads.glob("*.deb"))

    def _update(self) -> None:
        targets = _run(["apt-get", "indextargets", "--no-release-info", "--format", _TARGET])
        system = _run(["apt-config", "dump"])
        for folder in ("lists/partial", "archives/partial"):
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        (self._folder / "sources.list").write_text(sources_list(targets, self._own))
        (self._folder / "preferences").write_text(preferences(self._own))
        (self._folder / "apt.conf").write_text(self._configuration(system))
        self._apt("update", "-q")

    def _apt(self, *arguments: str) -> None:
        _run(["apt-get", *arguments], env=self._environment, cwd=self._folder / "archives")

    def _configuration(self, system: str) -> str:
        # Proxies, certificates and the like are the system's; its hooks are not for us.
        acquire = [line for line in system.splitlines() if line.startswith("Acquire::")]
        folder = self._folder
        own = {
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": "/dev/null",
            "Dir::Etc::sourcelist": f"{folder}/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": f"{folder}/preferences",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": str(folder),
            "Dir::State::lists": f"{folder}/lists",
            "Dir::State::status": f"{folder}/status",
            "Dir::Cache": str(folder),
            "Dir::Cache::archives": f"{folder}/archives",
            "Acquire::Languages": "none",
            # The unprivileged user that apt likes to download as cannot reach our folder.
            "APT::Sandbox::User": "root",
        }
        settings = [f'{name} "{value}";' for name, value in own.items()]
        return "\n".join([*acquire, *settings, ""])


def unpack(packages: Iterable[Path], folder: Path) -> None:
    """Unpack packages into a folder, running none of their scripts."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        _run(["dpkg-deb", "--extract", str(package), str(folder)])


def _run(
    command: Sequence[str], *, env: dict[str, str] | None = None, cwd: Path | None = None
) -> str:
    try:
        done = subprocess.run(command, env=env, cwd=cwd, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise EngineUnavailableError(f"'{command[0]}' is missing on this system") from None
    except subprocess.CalledProcessError as failed:
        raise EngineUnavailableError(
            f"'{command[0]} {command[1]}' failed:\n{failed.stderr.strip()}"
        ) from failed
    return done.stdout
