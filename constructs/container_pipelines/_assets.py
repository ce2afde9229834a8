"""What the library ships beside its own modules: buildspecs and the code of its functions."""

import functools
import hashlib
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_lambda as lambda_

from container_pipelines._packed import packed

_PACKAGE = Path(__file__).parent
# The first time that a zip archive can tell: it must be the same whenever one is made.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def shipped(folder: str) -> Path:
    """Find a folder that the library ships.

    Parameters
    ----------
    folder
        Its name, such as ``buildspecs``.

    Returns
    -------
    Path
        Where it is: a wheel carries it in the package, in a checkout it stands at the top.
    """
    packaged = _PACKAGE / folder
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / folder


def function_code(package: str) -> lambda_.Code:
    """Take one package of ``lambda/`` as the code of a function.

    Parameters
    ----------
    package
        The package's name; the handler is named from it on.

    Returns
    -------
    lambda_.Code
        The package's modules alone, without docstrings, comments and annotations of functions:
        less to load when a function starts, and nothing is deployed anew for a change elsewhere or
        of words.
    """
    return lambda_.Code.from_asset(_packed_folder(package).name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program in one file, which Python runs as it is.

    Attributes
    ----------
    path
        Where the file is, to the end of the process.
    sha256
        The digest of its content, in hexadecimal digits.
    """

    path: Path
    sha256: str


@functools.cache
def build_program() -> Program:
    """Pack ``buildspecs/container_build``, the program of builds, into one file.

    Returns
    -------
    Program
        The program: its modules, packed as those of functions. The same sources give the same
        bytes on every machine, so nothing in it is compressed, whose outcome depends on zlib.
    """
    path = Path(_program_folder().name, "container_build.pyz")
    package = shipped("buildspecs") / "container_build"
    modules = {
        f"{package.name}/{module.relative_to(package).as_posix()}": module
        for module in package.rglob("*.py")
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, module in sorted({**modules, "__main__.py": package / "__main__.py"}.items()):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, packed(module.read_text(encoding="utf-8")))
    return Program(path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@functools.cache
def _program_folder() -> tempfile.TemporaryDirectory[str]:
    # Kept to the end of the process, as `_packed_folder` is.
    return tempfile.TemporaryDirectory(prefix="container-pipelines-")


@functools.cache
def _packed_folder(package: str) -> tempfile.TemporaryDirectory[str]:
    # Kept to the end of the process, which removes it: each synthesis takes its copy from there.
    folder = tempfile.TemporaryDirectory(prefix="container-pipelines-")
    target = Path(folder.name, package)
    target.mkdir()
    for module in sorted((shipped("lambda") / package).glob("*.py")):
        source = packed(module.read_text(encoding="utf-8"))
        (target / module.name).write_text(source, encoding="utf-8", newline="\n")
    return folder
