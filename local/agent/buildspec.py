"""The buildspec: what may stand in it, and what of it is wrong, with the line.

Every scalar is text here, as written: ``version: 0.2``, ``DEBUG: yes`` and the command ``true``
mean in a buildspec what they look like, not a number and two booleans.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NoReturn, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.functional_validators import AfterValidator, model_validator

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RETRY = re.compile(r"RETRY(?:-(?P<count>\d+))?(?:-(?P<pattern>.+))?", re.DOTALL)
_DEFAULT_RETRIES = 3
_MOST_RETRIES = 100


class BuildspecError(Exception):
    """A buildspec that cannot be executed; the message says where and why."""


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What a phase does when it failed.

    Attributes
    ----------
    action
        ``DEFAULT`` follows the phase transitions.
    retries
        How often the phase starts again.
    pattern
        It starts again only where this is found in its output or its message.
    """

    action: Literal["DEFAULT", "ABORT", "CONTINUE"] = "DEFAULT"
    retries: int = 0
    pattern: re.Pattern[str] = re.compile(r"")


def _on_failure(value: object) -> object:
    if value in ("ABORT", "CONTINUE"):
        return OnFailure(action=value)
    retry = _RETRY.fullmatch(value) if isinstance(value, str) else None
    if retry is None:
        raise ValueError("must be ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or both")
    count = int(retry["count"] or _DEFAULT_RETRIES)
    if count > _MOST_RETRIES:
        raise ValueError(f"can retry {_MOST_RETRIES} times at most")
    try:
        return OnFailure(retries=count, pattern=re.compile(retry["pattern"] or ""))
    except re.error as error:
        raise ValueError(f"has a wrong regular expression: {error}") from error


def _variable_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("is no name of an environment variable")
    return name


def _shell(value: str) -> str:
    if value not in ("bash", "sh", "/bin/sh"):
        raise ValueError("must be bash or /bin/sh: this agent runs Linux builds")
    return value


def _version(value: str) -> str:
    if value != "0.2":
        raise ValueError("must be 0.2: this agent executes no other version")
    return value


_VariableName = Annotated[str, AfterValidator(_variable_name)]
# CodeBuild takes a single command, or file, for a list of one.
_Strings = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]
# A key without a value is null in YAML, and an empty variable in a shell.
_Value = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        arbitrary_types_allowed=True,
    )


class Environment(_Section):
    """``env``."""

    shell: Annotated[str, AfterValidator(_shell)] = "/bin/sh"
    variables: dict[_VariableName, _Value] = {}
    parameter_store: dict[_VariableName, str] = {}
    secrets_manager: dict[_VariableName, str] = {}
    exported_variables: tuple[_VariableName, ...] = ()
    git_credential_helper: bool = False


class Phase(_Section):
    """One of ``phases``."""

    run_as: str | None = None
    on_failure: Annotated[OnFailure, BeforeValidator(_on_failure)] = OnFailure()
    commands: _Strings
    finally_: _Strings = Field(default=(), alias="finally")


class InstallPhase(Phase):
    """``phases.install``, which may do without commands."""

    runtime_versions: dict[str, str] = {}
    commands: _Strings = ()


class Phases(BaseModel):
    """``phases``; their names are the only ones with an underscore."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    install: InstallPhase | None = None
    pre_build: Phase | None = None
    build: Phase | None = None
    post_build: Phase | None = None


class Artifact(_Section):
    """What becomes of files of the build.

    ``name`` and ``s3-prefix`` matter to where an artifact is uploaded to, not to what is in it.
    """

    files: _Strings
    name: str | None = None
    discard_paths: bool = False
    base_directory: str = "."
    exclude_paths: _Strings = ()
    enable_symlinks: bool = False
    s3_prefix: str | None = None


class Artifacts(Artifact):
    """``artifacts``: the primary one and the others."""

    files: _Strings = ()
    secondary_artifacts: dict[str, Artifact] = {}

    @model_validator(mode="after")
    def _has_files(self) -> Self:
        if not self.files and not self.secondary_artifacts:
            raise ValueError("must have files")
        return self


class Cache(_Section):
    """``cache``."""

    paths: _Strings
    key: str | None = None
    fallback_keys: _Strings = ()
    action: Literal["restore", "save"] | None = None


class Report(_Section):
    """One of ``reports``."""

    files: _Strings
    file_format: str = "JUNITXML"
    base_directory: str = "."
    discard_paths: bool = False


class Proxy(_Section):
    """``proxy``."""

    upload_artifacts: bool = False
    logs: bool = False


def _no_batch(_: object) -> NoReturn:
    raise ValueError("is not supported: start the builds of a batch one by one")


class Buildspec(_Section):
    """A buildspec, version 0.2."""

    version: Annotated[str, AfterValidator(_version)]
    run_as: str | None = None
    env: Environment = Environment()
    proxy: Proxy | None = None
    batch: Annotated[None, BeforeValidator(_no_batch)] = None
    phases: Phases
    reports: dict[str, Report] = {}
    artifacts: Artifacts | None = None
    cache: Cache | None = None


class _TextLoader(yaml.SafeLoader):
    """A loader that leaves scalars as text; only merge keys and empty values mean something."""

    yaml_implicit_resolvers = {
        "<": [("tag:yaml.org,2002:merge", re.compile("<<"))],
        "": [("tag:yaml.org,2002:null", re.compile(""))],
    }


def parse(text: str) -> Buildspec:
    """Read a buildspec.

    Raises
    ------
    BuildspecError
        It is not YAML, or says something that a buildspec cannot say.
    """
    # Safe: a SafeLoader that resolves less. Nodes are kept because they know their lines.
    try:
        loader = _TextLoader(text)
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise BuildspecError(f"The buildspec is not YAML: {_syntax(error)}") from None
    if node is None or not isinstance(content, dict):
        raise BuildspecError("The buildspec must be a mapping with at least version and phases")
    try:
        return Buildspec.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        path = [part for part in first["loc"] if part != "[key]"]
        line = _line(node, path)
        # Without the value: a buildspec may hold one that no log should show.
        raise BuildspecError(
            f"{_dotted(path)} {_cause(first['type'], first)} at line {line}"
        ) from None


def _syntax(error: yaml.YAMLError) -> str:
    # Not str(error): that quotes the line.
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return "it has characters that YAML does not allow"
    mark = error.problem_mark
    return f"{error.problem} at line {mark.line + 1}, column {mark.column + 1}"


def _cause(kind: str, error: object) -> str:
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is unknown"
        case "string_type":
            return "must be a string: quote it if it contains a colon and a space"
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, ")  # type: ignore[index]
        case "tuple_type":
            return "must be a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be a mapping"
        case _:
            return str(error["msg"]).removeprefix("Input ")  # type: ignore[index]


def _dotted(path: Sequence[int | str]) -> str:
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return dotted.removeprefix(".") or "The buildspec"


def _line(node: yaml.Node, path: Sequence[int | str]) -> int:
    """Return the line of what a path leads to, or of the last thing on the way that is there."""
    line = node.start_mark.line
    for part in path:
        match node:
            case yaml.MappingNode(value=pairs):
                found = [(key, value) for key, value in pairs if key.value == part]
            case yaml.SequenceNode(value=items) if isinstance(part, int):
                found = [(items[part], items[part])]
            case _:
                found = []
        if not found:
            break
        key, node = found[-1]
        line = key.start_mark.line
    return int(line) + 1
