"""A folder as a commit: its files as Git would take them, and an id by their content."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A folder as a commit.

    Attributes
    ----------
    id
        The commit's id, by its content.
    archive
        The files as a zip, the same bytes for the same files: with what Git knows of modes, which
        is whether a file is executable, and with symbolic links as links.
    """

    id: str
    archive: bytes

    @staticmethod
    def of(folder: Path) -> Commit:
        """Zip the files that belong to a folder: without what Git ignores.

        Parameters
        ----------
        folder
            The folder; of a Git checkout, or a plain one, which is taken whole.

        Returns
        -------
        Commit
            The commit.
        """
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in _files(folder):
                info = zipfile.ZipInfo(file.relative_to(folder).as_posix(), (2000, 1, 1, 0, 0, 0))
                info.external_attr = _mode(file) << 16
                content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
                archive.writestr(info, content, zipfile.ZIP_DEFLATED)
        packed = buffer.getvalue()
        return Commit(id=hashlib.sha1(packed, usedforsecurity=False).hexdigest(), archive=packed)


def _mode(file: Path) -> int:
    """Return the mode that Git records for a file."""
    if file.is_symlink():
        return stat.S_IFLNK | 0o777
    return stat.S_IFREG | (0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)


def _files(folder: Path) -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."],
            cwd=folder,
            capture_output=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        # No Git, or no checkout: all but what no commit would hold.
        files = [
            file
            for file in folder.rglob("*")
            if not {".git", "node_modules"} & set(file.relative_to(folder).parts)
        ]
    else:
        files = [folder / name for name in filter(None, listed.stdout.decode().split("\0"))]
    return sorted({file for file in files if file.is_symlink() or file.is_file()})
