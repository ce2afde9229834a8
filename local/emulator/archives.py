"""Zip archives as commits and artifacts are: files with their modes and links, below one root."""

import io
import stat
import zipfile
from pathlib import Path


class ArchiveError(Exception):
    """The archive cannot be used; the message says why."""


def pack(folder: Path) -> bytes:
    """Return everything in a folder as a zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                # Zip knows no date before 1980, and some checkouts have one.
                info = zipfile.ZipInfo.from_file(
                    path, path.relative_to(folder).as_posix(), strict_timestamps=False
                )
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, path.read_bytes())
    return packed.getvalue()


def flattened(packed: bytes) -> bytes:
    """Return an archive as a source action makes it, from a connection and from CodeCommit alike.

    It says nothing of modes, so no file is executable, and a symbolic link is a file with the
    link's target in it: https://qiita.com/shonansurvivors/items/8b14180d5b7740be0009 shows both
    sources. A clone keeps all of that.
    """
    plain = io.BytesIO()
    with _opened(packed) as old, zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if not info.is_dir():
                bare = zipfile.ZipInfo(info.filename, info.date_time)
                bare.compress_type = zipfile.ZIP_DEFLATED
                new.writestr(bare, old.read(info))
                bare.external_attr = 0  # which the call above has made that of a private file
    return plain.getvalue()


def unpack(packed: bytes, folder: Path) -> None:
    """Lay the files of an archive into a folder."""
    with _opened(packed) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            target = folder / info.filename
            target = target.parent.resolve() / target.name
            if not target.is_relative_to(folder.resolve()):
                raise ArchiveError(f"The archive holds a path that leaves it: {info.filename}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(info.external_attr >> 16):
                target.symlink_to(archive.read(info).decode())
                continue
            target.write_bytes(archive.read(info))
            # Archives made on Windows, or by writestr alone, carry no permissions.
            if mode := info.external_attr >> 16 & 0o777:
                target.chmod(mode)


def read(packed: bytes, name: str) -> bytes | None:
    """Return one file of an archive, or None where it has none of that name."""
    with _opened(packed) as archive:
        try:
            return archive.read(name)
        except KeyError:
            return None


def files(packed: bytes) -> dict[str, int]:
    """Return the files of an archive with the checksum of their content."""
    with _opened(packed) as archive:
        return {info.filename: info.CRC for info in archive.infolist() if not info.is_dir()}


def _opened(packed: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(packed))
    except zipfile.BadZipFile as error:
        raise ArchiveError("This is not a zip archive.") from error
