import shutil
import subprocess
from pathlib import Path

import pytest

from local.engine.debian import Release, preferences, release, sources_list, unpack
from local.engine.model import EngineUnavailableError

MIRROR, SECURITY = "http://mirror.example/debian/", "http://mirror.example/debian-security/"
TARGETS = f"""\
{MIRROR}|bookworm|main|Packages
{MIRROR}|bookworm|main|Packages
{MIRROR}|bookworm|contrib|Packages
{MIRROR}|bookworm|main|Translations
{MIRROR}|bookworm-updates|main|Packages
{MIRROR}|bookworm-backports|main|Packages
{SECURITY}|bookworm-security|main|Packages
http://vendor.example/|bookworm|stable|Packages
http://vendor.example/|nodistro|main|Packages
"""


def lines(text: str) -> list[str]:
    return [line.split("] ")[-1].removeprefix("deb ") for line in text.splitlines()]


def test_bookworm_takes_what_is_too_old_from_later_releases_but_its_own_runc() -> None:
    own = release("debian", "bookworm")
    assert set(own.newer["trixie"]) == {"docker.io", "docker-cli", "containerd"}
    assert set(own.newer["forky"]) == {"docker-buildx"}
    assert {"docker-cli", "runc", "docker-registry", "tini"} <= set(own.packages)


def test_trixie_takes_buildx_alone_from_forky() -> None:
    assert release("debian", "trixie").newer == {"forky": ("docker-buildx",)}


@pytest.mark.parametrize(("distribution", "codename"), [("debian", "forky"), ("ubuntu", "noble")])
def test_later_releases_take_their_own_packages(distribution: str, codename: str) -> None:
    own = release(distribution, codename)
    assert own.newer == {}
    assert {"docker.io", "docker-buildx", "containerd", "runc"} <= set(own.packages)


def test_ubuntu_has_the_command_in_docker_io() -> None:
    assert "docker-cli" not in release("ubuntu", "noble").packages


@pytest.mark.parametrize(
    ("distribution", "codename"),
    [("debian", "bullseye"), ("debian", ""), ("ubuntu", "jammy"), ("fedora", ""), ("", "")],
)
def test_other_systems_are_refused(distribution: str, codename: str) -> None:
    with pytest.raises(EngineUnavailableError, match=r"Debian 12 or later .* start Docker"):
        release(distribution, codename)


def test_sources_are_the_archive_of_the_system_and_of_later_releases() -> None:
    listed = lines(sources_list(TARGETS, release("debian", "bookworm")))
    assert listed == [
        f"{mirror} {codename}{pocket} main"
        for mirror, pocket in ((MIRROR, ""), (MIRROR, "-updates"), (SECURITY, "-security"))
        for codename in ("bookworm", "trixie", "forky")
    ]


def test_sources_are_those_of_the_system_alone_where_they_are_new_enough() -> None:
    targets = f"{MIRROR}|noble|main|Packages\n{MIRROR}|noble|universe|Packages\n"
    listed = lines(sources_list(targets, release("ubuntu", "noble")))
    assert listed == [f"{MIRROR} noble main", f"{MIRROR} noble universe"]


def test_packages_have_to_be_signed_by_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: True)
    listed = sources_list(TARGETS, release("debian", "bookworm"))
    signed = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
    assert {line.startswith(signed) for line in listed.splitlines()} == {True}


@pytest.mark.parametrize("targets", ["", "http://vendor.example/|bookworm|stable|Packages\n"])
def test_a_system_without_its_archive_is_reported(targets: str) -> None:
    with pytest.raises(EngineUnavailableError, match="no source for debian bookworm: add"):
        sources_list(targets, release("debian", "bookworm"))


def test_preferences_let_nothing_else_in_from_later_releases() -> None:
    rest, docker, other, buildx, end = preferences(release("debian", "bookworm")).split("\n\n")
    assert rest == "Package: *\nPin: release n=trixie*\nPin-Priority: -1"
    assert docker.startswith("Package: docker.io docker-cli containerd\nPin: release n=trixie*\n")
    assert other == "Package: *\nPin: release n=forky*\nPin-Priority: -1"
    assert buildx.startswith("Package: docker-buildx\nPin: release n=forky*\n")
    assert int(docker.rpartition(" ")[2]) == int(buildx.rpartition(" ")[2]) > 500
    assert end == ""


def test_no_preferences_without_later_releases() -> None:
    own = Release(distribution="debian", codename="forky", packages=())
    assert preferences(own) == ""


needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is missing")


@needs_dpkg
def test_unpacking_runs_no_script(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "DEBIAN").mkdir(parents=True)
    (source / "DEBIAN/control").write_text(
        "Package: tried\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.com>\n"
        "Description: tried\n"
    )
    script = source / "DEBIAN/postinst"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    (source / "usr/bin").mkdir(parents=True)
    (source / "usr/bin/tried").write_text("program")
    package = tmp_path / "tried.deb"
    subprocess.run(["dpkg-deb", "--build", source, package], check=True, capture_output=True)

    unpack([package], tmp_path / "new" / "root")

    assert (tmp_path / "new/root/usr/bin/tried").read_text() == "program"
    assert not (tmp_path / "ran").exists()


@needs_dpkg
def test_a_broken_package_is_reported(tmp_path: Path) -> None:
    package = tmp_path / "half.deb"
    package.write_bytes(b"!<arch>\n")
    with pytest.raises(EngineUnavailableError, match="'dpkg-deb --extract' failed"):
        unpack([package], tmp_path / "root")
