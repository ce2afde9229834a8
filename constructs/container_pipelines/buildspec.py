"""What builds run: the library's buildspecs and programs, as the files that they are."""

from pathlib import Path

import jsii
from aws_cdk import aws_codebuild as codebuild
from constructs import Construct

_PACKAGE = Path(__file__).parent


class BuildSpecFile(codebuild.BuildSpec):
    """A buildspec that the library ships, put into the template word for word.

    CodeBuild's console then shows the file with its comments, and what was linted and tested is
    what runs.

    Parameters
    ----------
    name
        The file's name below ``buildspecs/``.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._text = build_file(name).read_text(encoding="utf-8")

    @property
    def is_immediate(self) -> bool:
        """Whether the buildspec stands in the template itself."""
        return True

    @jsii.member(jsii_name="toBuildSpec")
    def to_build_spec(self, scope: Construct | None = None) -> str:
        """Render the buildspec.

        Parameters
        ----------
        scope
            The project; not needed.

        Returns
        -------
        str
            The file's text.
        """
        return self._text


def build_file(name: str) -> Path:
    """Find a file of ``buildspecs/``.

    Parameters
    ----------
    name
        The file's name.

    Returns
    -------
    Path
        Where it is: a wheel carries the folder in the package, in a checkout it stands at the top.
    """
    packaged = _PACKAGE / "buildspecs"
    folder = packaged if packaged.is_dir() else _PACKAGE.parents[1] / "buildspecs"
    return folder / name
