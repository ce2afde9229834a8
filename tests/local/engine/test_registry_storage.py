import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from local.engine.registry_storage import RegistryStorage


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    (folder / "home/node").mkdir(parents=True)
    (folder / "bin").mkdir()
    program = folder / "bin/program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (folder / "bin/alias").symlink_to("program")
    return folder


def blob(folder: Path, digest: object) -> bytes:
    algorithm, _, value = str(digest).partition(":")
    path = folder / "docker/registry/v2/blobs" / algorithm / value[:2] / value / "data"
    found = path.read_bytes()
    assert hashlib.sha256(found).hexdigest() == value
    return found


def add(folder: Path, content: Path) -> str:
    storage = RegistryStorage(folder)
    layer = storage.add_layer(content, {"home/node": 1000})
    return storage.add_image(
        "library/node",
        "24-alpine",
        architecture="arm64",
        layers=[layer],
        config={"Cmd": ["node"]},
    )


def test_an_image_is_stored_as_the_registry_reads_it(tmp_path: Path, content: Path) -> None:
    digest = add(tmp_path, content)
    repository = tmp_path / "docker/registry/v2/repositories/library/node"
    manifest = json.loads(blob(tmp_path, digest))
    config = json.loads(blob(tmp_path, manifest["config"]["digest"]))
    [layer] = manifest["layers"]
    packed = blob(tmp_path, layer["digest"])

    assert (repository / "_manifests/tags/24-alpine/current/link").read_text() == digest
    for descriptor in (manifest["config"], layer):
        link = repository / "_layers" / descriptor["digest"].replace(":", "/") / "link"
        assert link.read_text() == descriptor["digest"]
        assert len(blob(tmp_path, descriptor["digest"])) == descriptor["size"]
    assert (config["architecture"], config["os"]) == ("arm64", "linux")
    assert config["config"] == {"Cmd": ["node"]}
    unpacked = hashlib.sha256(gzip.decompress(packed)).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{unpacked}"]


def test_a_layer_has_owners_modes_and_links(tmp_path: Path, content: Path) -> None:
    layer = RegistryStorage(tmp_path).add_layer(content, {"home/node": 1000})
    packed = blob(tmp_path, layer.descriptor["digest"])
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = {member.name: member for member in tar}
    assert [*members] == ["bin", "bin/alias", "bin/program", "home", "home/node"]
    assert members["bin/program"].mode == 0o755
    assert members["bin/alias"].linkname == "program"
    owners = {name: (member.uid, member.gid) for name, member in members.items()}
    assert owners.pop("home/node") == (1000, 1000)
    assert set(owners.values()) == {(0, 0)}


def test_equal_content_is_an_equal_image(tmp_path: Path, content: Path) -> None:
    first = add(tmp_path / "a", content)
    (content / "bin/program").touch()
    assert add(tmp_path / "b", content) == first

    (content / "bin/program").write_text("#!/bin/bash\n")
    assert add(tmp_path / "c", content) != first


def test_an_image_is_there_from_its_tag_on(
    tmp_path: Path, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_failure() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("os.sync", power_failure)
        with pytest.raises(KeyboardInterrupt):
            add(tmp_path, content)
    storage = RegistryStorage(tmp_path)
    assert not storage.has("library/node", "24-alpine")

    add(tmp_path, content)
    assert storage.has("library/node", "24-alpine")
    assert not storage.has("library/node", "22-alpine")
    assert not storage.has("library/python", "24-alpine")
