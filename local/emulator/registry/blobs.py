"""The blobs of images, in files: they would fill the memory, and the saved state."""

import shutil
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from ministack.services import ecr

from local.emulator.scope import current


def keep_in(folder: Path) -> None:
    """Keep all blobs of the registry below a folder."""
    ecr._layer_blobs = _Repositories(folder)


class _Blobs(MutableMapping[str, bytes]):
    """The blobs of one repository by digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, digest: str) -> bytes:
        try:
            return self._file(digest).read_bytes()
        except FileNotFoundError:
            raise KeyError(digest) from None

    def __setitem__(self, digest: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._file(digest)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_bytes(content)
        unfinished.replace(file)

    def __delitem__(self, digest: str) -> None:
        self._file(digest).unlink()

    def __contains__(self, digest: object) -> bool:
        return self._file(str(digest)).exists()

    def __iter__(self) -> Iterator[str]:
        for file in self._folder.glob("*"):
            yield f"sha256:{file.name}"

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _file(self, digest: str) -> Path:
        # Only the name: a digest comes from outside, and must not lead out of the folder.
        return self._folder / Path(digest.partition(":")[2]).name


class _Repositories:
    """What the emulator has as a dictionary: repository -> blobs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __deepcopy__(self, _: Any) -> dict[str, Any]:
        return {}  # the files are the state

    def get(self, repository: str, default: Any = None) -> Any:
        """Return the blobs of a repository that has any."""
        folder = self._of(repository)
        return _Blobs(folder) if folder.exists() else default

    def setdefault(self, repository: str, _: Any) -> _Blobs:
        """Return the blobs of a repository."""
        return _Blobs(self._of(repository))

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _of(self, repository: str) -> Path:
        scope = current()
        # A slash in the name would lay one repository into another's folder.
        return self._folder / scope.account / scope.region / repository.replace("/", "%2F")
