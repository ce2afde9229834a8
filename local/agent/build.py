"""What a build is given, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

Status = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """One build.

    Attributes
    ----------
    buildspec
        YAML text, version 0.2.
    source
        The folder that the commands start in (``CODEBUILD_SRC_DIR``).
    environment
        Variables of start and project with their values, and those that CodeBuild sets. They win
        over the buildspec's.
    machine
        All that the build sees of this machine: ``PATH``, ``HOME``, ``DOCKER_HOST`` and the like.
    secrets
        Values that the log must not show; those that the buildspec asks for are hidden as well.
    timeout
        Seconds until the build is ended.
    parameter
        Gives the value of a parameter in the Parameter Store.
    secret
        Gives the value for ``secret-id[:json-key[:version-stage[:version-id]]]``.
    secondary_sources
        Further source folders by identifier (``CODEBUILD_SRC_DIR_identifier``).
    """

    buildspec: str
    source: Path
    environment: Mapping[str, str] = field(repr=False)
    machine: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)
    timeout: float
    parameter: Callable[[str], str]
    secret: Callable[[str], str]
    secondary_sources: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseResult:
    """How a phase went.

    Attributes
    ----------
    name
        CodeBuild's, such as ``PRE_BUILD``.
    message
        Empty after success, else ``CODE: cause``, such as
        ``COMMAND_EXECUTION_ERROR: Error while executing command: make. Reason: exit status 2``.
    """

    name: str
    status: Status
    started: datetime
    seconds: float
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectedReport:
    """The files of a report.

    Attributes
    ----------
    file_format
        CodeBuild's word for what they are, such as ``JUNITXML``.
    folder
        A new folder beside the source with the files; None if none was found. It belongs to the
        caller, who removes it.
    """

    file_format: str
    folder: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildResult:
    """How a build went.

    Attributes
    ----------
    exported
        The buildspec's ``exported-variables`` as they were when the last phase had run. Secrets and
        what starts with ``AWS_`` are never among them.
    artifacts
        A new folder beside the source, laid out as the artifact is; None if there is none. It
        belongs to the caller, who removes it.
    secondary_artifacts
        The same by artifact identifier.
    reports
        The reports that the buildspec declares, by the group's ARN or name; none after a build that
        has ended before its artifacts.
    """

    status: Status
    phases: tuple[PhaseResult, ...]
    exported: Mapping[str, str] = field(default_factory=dict)
    artifacts: Path | None = None
    secondary_artifacts: Mapping[str, Path] = field(default_factory=dict)
    reports: Mapping[str, CollectedReport] = field(default_factory=dict)
