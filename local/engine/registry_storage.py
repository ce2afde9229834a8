"""Images laid straight into the storage folder of the CNCF distribution registry.

The layout is the registry's public one: blobs by digest, and links to them by repository and tag.
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CREATED = "2024-01-01T00:00:00Z"
_MODIFIED = 1_704_067_200  # the same moment


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in the storage: its descriptor in manifests, and the digest of its bare tar."""

    descriptor: Mapping[str, object]
    diff_id: str


class RegistryStorage:
    """The storage folder of one registry.

    Equal content gives equal digests, and an image is there from the moment its tag is: the tag is
    written last, after everything else is on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder / "docker/registry/v2"

    def has(self, repository: str, tag: str) -> bool:
        """Return whether an image is there."""
        return self._tag(repository, tag).exists()

    def add_layer(self, content: Path, owners: Mapping[str, int]) -> Layer:
        """Store a folder as a layer.

        Parameters
        ----------
        content
            The folder.
        owners
            Path in the folder -> numeric user and group; everything else is root's.
        """
        unfinished = self._unfinished()
        with unfinished.open("wb") as file:
            packed = _Hashed(file)
            # Fast, for these images never leave the machine; without name and time of the file.
            with gzip.GzipFile("", "wb", compresslevel=1, fileobj=packed, mtime=0) as compressed:
                bare = _Hashed(compressed)
                with tarfile.open(fileobj=bare, mode="w|", format=tarfile.GNU_FORMAT) as tar:
                    _add_tree(tar, content, owners)
        self._keep(unfinished, packed.digest)
        descriptor = {"mediaType": _LAYER, "digest": packed.digest, "size": packed.size}
        return Layer(descriptor, bare.digest)

    def add_image(
        self,
        repository: str,
        tag: str,
        *,
        architecture: str,
        layers: Sequence[Layer],
        config: Mapping[str, object],
    ) -> str:
        """Store an image under a tag, and return its digest.

        Parameters
        ----------
        repository, tag
            The name, such as ``library/node`` and ``24-alpine``.
        architecture
            As Go names it.
        layers
            What the image consists of, lowest first.
        config
            ``config`` of the OCI image configuration: ``Env``, ``Cmd`` and so on.
        """
        configuration = self._add_json(
            {
                "architecture": architecture,
                "os": "linux",
                "created": _CREATED,
                "config": config,
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
                "history": [{"created": _CREATED} for _ in layers],
            },
            _CONFIG,
        )
        manifest = self._add_json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": configuration,
                "layers": [layer.descriptor for layer in layers],
            },
            _MANIFEST,
        )
        digest = str(manifest["digest"])
        home = self._root / "repositories" / repository
        for descriptor in [configuration, *(layer.descriptor for layer in layers)]:
            _link(home / "_layers" / _path(str(descriptor["digest"])), str(descriptor["digest"]))
        _link(home / "_manifests/revisions" / _path(digest), digest)
        _link(home / "_manifests/tags" / tag / "index" / _path(digest), digest)
        os.sync()
        _link(self._tag(repository, tag).parent, digest)
        return digest

    def _tag(self, repository: str, tag: str) -> Path:
        return self._root / "repositories" / repository / "_manifests/tags" / tag / "current/link"

    def _add_json(self, document: object, media_type: str) -> Mapping[str, object]:
        content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        unfinished = self._unfinished()
        unfinished.write_bytes(content)
        self._keep(unfinished, digest)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def _unfinished(self) -> Path:
        self._root.mkdir(parents=True, exist_ok=True)
        return self._root / "unfinished"

    def _keep(self, unfinished: Path, digest: str) -> None:
        algorithm, _, value = digest.partition(":")
        blob = self._root / "blobs" / algorithm / value[:2] / value / "data"
        blob.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(blob)


class _Hashed(io.RawIOBase):
    """A file that is written through, while its digest and size are taken."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]  # any buffer, in typeshed
        self._sha256.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._sha256.hexdigest()}"


def _add_tree(tar: tarfile.TarFile, content: Path, owners: Mapping[str, int]) -> None:
    for path in _sorted_tree(content):
        name = str(path.relative_to(content))
        member = tar.gettarinfo(path, name)
        member.uid = member.gid = owners.get(name, 0)
        member.uname = member.gname = ""
        member.mtime = _MODIFIED
        if member.isreg():
            with path.open("rb") as file:
                tar.addfile(member, file)
        else:
            tar.addfile(member)


def _sorted_tree(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _sorted_tree(path)


def _path(digest: str) -> str:
    return digest.replace(":", "/")


def _link(folder: Path, digest: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "unfinished"
    unfinished.write_text(digest)
    unfinished.replace(folder / "link")
