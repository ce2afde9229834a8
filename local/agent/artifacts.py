"""The files that a build hands over."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from local.agent.buildspec import Artifact

# A pattern's pieces: folders at any depth, anything at any depth, and what stays within a name.
_WILDCARDS = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|\{[^{}]*\}|.", re.DOTALL)
_MAGIC = re.compile(r"[*?\[{]")


class ArtifactError(Exception):
    """There is nothing to hand over; the message says what was looked for."""


def collect(
    artifact: Artifact, source: Path, destination: Path, log: Callable[[str], None]
) -> None:
    """Copy the files of an artifact to a folder, laid out as the artifact is.

    Paths are relative to the source folder, wherever the commands have gone. A path without a file
    is passed over; only if nothing at all is found there is no artifact. Links are followed, unless
    ``enable-symlinks`` keeps those that stay inside.

    Parameters
    ----------
    artifact
        What the buildspec says of it.
    source
        The source folder.
    destination
        An empty folder.
    log
        Takes CodeBuild's messages.

    Raises
    ------
    ArtifactError
        Nothing was found.
    """
    log(f"Expanding base directory path: {artifact.base_directory}")
    excluded = [compile_pattern(pattern) for pattern in artifact.exclude_paths]
    count = 0
    for base in _bases(artifact.base_directory, source, log):
        log(f"Expanding file paths for base directory {os.path.relpath(base, source)}")
        log("Assembling file list")
        for path in _matches(artifact.files, base, log):
            if any(pattern.fullmatch(path) for pattern in excluded):
                continue
            _copy(artifact, base, path, destination)
            count += 1
    if not count:
        raise ArtifactError("no matching artifact paths found")
    log(f"Found {count} file(s)")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Translate a pattern for paths.

    ``*`` and ``?`` stay within a name, ``**`` goes through folders, ``[...]`` is one of some
    characters and ``{...,...}`` one of some texts. Names that start with a dot are like others.
    """
    return re.compile("".join(map(_translate, _PIECES.findall(pattern))), re.DOTALL)


def _translate(piece: str) -> str:
    if piece in _WILDCARDS:
        return _WILDCARDS[piece]
    if len(piece) > 1 and piece.startswith("["):
        members = piece[1:-1]
        negated = members[:1] in ("!", "^")
        members = members[negated:].replace("\\", r"\\").replace("[", r"\[").replace("]", r"\]")
        return f"[{'^/' if negated else ''}{members}]"
    if len(piece) > 1 and piece.startswith("{"):
        texts = (compile_pattern(text).pattern for text in piece[1:-1].split(","))
        return f"(?:{'|'.join(texts)})"
    return re.escape(piece)


def _bases(pattern: str, source: Path, log: Callable[[str], None]) -> list[Path]:
    log("Assembling file list")
    log(f"Expanding {pattern}")
    if _MAGIC.search(pattern):
        wanted = compile_pattern(pattern.strip("/").removeprefix("./"))
        top = sorted(entry for entry in source.iterdir() if wanted.fullmatch(entry.name))
    elif _stays_below(Path(pattern)):
        top = [source / pattern]
    else:
        # AWS says "relative to the original build location", and nothing of folders elsewhere.
        top = []
    bases = [entry for entry in top if entry.is_dir()]
    if not bases:
        log(f"Skipping invalid file path {pattern}")
        raise ArtifactError(f"no matching base directory path found for {pattern}")
    return bases


def _matches(patterns: tuple[str, ...], base: Path, log: Callable[[str], None]) -> Iterator[str]:
    files = list(_walk(base))
    found: dict[str, None] = {}
    for pattern in patterns:
        log(f"Expanding {pattern}")
        path = pattern.removeprefix(f"{base}/").removeprefix("./")
        if _MAGIC.search(path):
            wanted = compile_pattern(path)
            found.update(dict.fromkeys(file for file in files if wanted.fullmatch(file)))
        elif (base / path).is_file() and _stays_below(Path(path)):
            found[path] = None
        else:
            log(f"Skipping invalid file path {pattern}")
    yield from found


def _stays_below(path: Path) -> bool:
    return not path.is_absolute() and ".." not in path.parts


def _walk(base: Path) -> Iterator[str]:
    """Find all files; links to folders are not followed, since they may go round in circles."""
    for folder, folders, files in os.walk(base):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if path.exists():
                yield path.relative_to(base).as_posix()


def _copy(artifact: Artifact, base: Path, path: str, destination: Path) -> None:
    target = destination / (Path(path).name if artifact.discard_paths else path)
    target.parent.mkdir(parents=True, exist_ok=True)
    origin = base / path
    inside = origin.resolve().is_relative_to(base.resolve())
    keep_link = artifact.enable_symlinks and origin.is_symlink() and inside
    target.unlink(missing_ok=True)
    shutil.copy2(origin, target, follow_symlinks=not keep_link)
