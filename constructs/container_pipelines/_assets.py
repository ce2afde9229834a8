"""What the library ships beside its own modules: buildspecs and the code of its functions."""

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

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
        The package's sources alone, so that a change elsewhere, or bytecode that was left behind,
        deploys nothing anew.
    """
    return lambda_.Code.from_asset(
        str(shipped("lambda")),
        exclude=["/*", f"!/{package}", "__pycache__", "*.pyc"],
        ignore_mode=IgnoreMode.GIT,
    )
