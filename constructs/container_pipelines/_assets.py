"""What the library ships beside its own modules: buildspecs and the code of its functions."""

import functools
import tempfile
from pathlib import Path

from aws_cdk import aws_lambda as lambda_

from container_pipelines._packed import packed

_PACKAGE = Path(__file__).parent


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
        The package's modules alone, without docstrings and comments: less to load when a function
        starts, and nothing is deployed anew for a change elsewhere or of words.
    """
    return lambda_.Code.from_asset(_packed_folder(package).name)


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
