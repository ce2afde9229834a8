"""What builds run: the library's buildspecs, as the files that they are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jsii
from aws_cdk import aws_codebuild as codebuild
from constructs import Construct

from container_pipelines._assets import shipped
from container_pipelines._types import checked
from container_pipelines.build.build_report import TEST_RESULTS, BuildReport, report_folders


@checked("commands")
@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCommands:
    """Commands of your own in the phases of the library's buildspec.

    Each is a script for bash that stands for itself; only exported variables are carried from one
    to the next. They run in the source's root, with the build's permissions; one that fails ends
    its phase. One that runs what is in the source, such as ``npm test``, gives the repository all
    that the build may do: let the Dockerfile or the image's test do it instead.

    Parameters
    ----------
    install
        Before everything else.
    pre_build
        After the logins, when ``IMAGE_TAG`` is known.
    build
        Before the image is built: what they make can be copied into it.
    post_build
        At the end, also when the build has failed (``CODEBUILD_BUILD_SUCCEEDING`` is 0 then). Use
        ``install`` or ``build`` for anything that must hold up a release.

    Raises
    ------
    ValueError
        If a command is empty.
    """

    install: Sequence[str] = ()
    pre_build: Sequence[str] = ()
    build: Sequence[str] = ()
    post_build: Sequence[str] = ()

    def __post_init__(self) -> None:
        for phase in self.__slots__:
            commands = getattr(self, phase)
            if not all(command.strip() for command in commands):
                raise ValueError(
                    f"'commands.{phase}' must be a list of commands, none of them empty, got "
                    f"{commands!r}; give each command as an item of a list"
                )


class BuildSpecFile(codebuild.BuildSpec):
    """A buildspec that the library ships, put into the template word for word.

    CodeBuild's console then shows the file with its comments, and what was linted and tested is
    what runs. Commands and reports take the places that comments mark for them.

    Parameters
    ----------
    name
        The file's name below ``buildspecs/``.
    commands
        Further commands; none by default.
    reports
        What becomes a report; nothing by default.
    """

    def __init__(
        self,
        name: str,
        *,
        commands: PhaseCommands | None = None,
        reports: Sequence[BuildReport] = (),
    ) -> None:
        super().__init__()
        text = build_file(name).read_text(encoding="utf-8")
        if commands is not None:
            text = _with_commands(text, commands)
        if reports:
            text = _put(text, "# reports", _reports(reports))
        self._text = text

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


def _with_commands(text: str, commands: PhaseCommands) -> str:
    # JSON's texts are YAML's, in quotes and on one line.
    for phase in commands.__slots__:
        if further := getattr(commands, phase):
            text = _put(text, f"      # commands: {phase}", _items(further))
    return text


def _items(texts: Sequence[str]) -> list[str]:
    return [f"      - {json.dumps(text)}" for text in texts]


def _reports(reports: Sequence[BuildReport]) -> list[str]:
    folders = report_folders(reports)
    lines = ["reports:"]
    for report in reports:
        lines += [
            f"  {json.dumps(report.group.report_group_arn)}:",
            f"    file-format: {report.format}",
            f"    base-directory: {folders.get(report.base_directory, TEST_RESULTS)}",
            "    files:",
            *_items(report.files),
        ]
    return lines


def _put(text: str, mark: str, lines: Sequence[str]) -> str:
    before, found, after = text.partition(f"\n{mark}\n")
    if not found:
        raise AssertionError(f"the buildspec has lost its mark {mark!r}")
    return "\n".join([before, *lines, after])


def build_file(name: str) -> Path:
    """Find a file of ``buildspecs/``.

    Parameters
    ----------
    name
        The file's name.

    Returns
    -------
    Path
        Where it is.
    """
    return shipped("buildspecs") / name
