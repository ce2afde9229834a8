"""What an action or a rule is to the engine, whoever provides it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from local.emulator.builds.run import Location
from local.emulator.clients import Clients
from local.emulator.pipelines.artifacts import Artifacts

ActionType: TypeAlias = tuple[str, str, str]
"""Category, owner and provider, such as ``("Build", "AWS", "CodeBuild")``; rules are ``Rule``."""


class ActionError(Exception):
    """An action failed.

    Parameters
    ----------
    message
        The cause, as the pipeline shows it.
    code
        CodePipeline's code for the kind of cause.
    """

    def __init__(self, message: str, code: str = "JobFailed") -> None:
        super().__init__(message)
        self.code = code


class ActionAbandoned(Exception):  # noqa: N818  # no error: somebody wanted it
    """The execution was stopped while the action ran."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What a source action has to take.

    Attributes
    ----------
    commit_id
        The commit.
    branch, tag
        What was pushed that led to it; both None where somebody named the commit alone.
    """

    commit_id: str
    branch: str | None = None
    tag: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """One run of an action or of a rule.

    Attributes
    ----------
    configuration
        The action's configuration with all variables filled in.
    started
        When, by the clock of pipelines: taken before anybody can see that it runs.
    inputs, outputs
        Artifact name -> where it is, or has to be put.
    revision
        What a source action has to take; None for the newest commit of its branch.
    commit
        The commit that the execution works on; empty where there is none.
    stop
        Set when the execution is abandoned.
    clients
        Clients of the emulator, with the role of the action or rule.
    report
        Shows what is known while the action runs: ``externalExecutionId``,
        ``externalExecutionSummary``, ``externalExecutionUrl``; and for the state alone ``token``,
        ``percentComplete``, ``lastUpdatedBy``.
    condition
        Of a rule: ``beforeEntry``, ``onSuccess`` or ``onFailure``; empty for an action.
    """

    pipeline: str
    execution_id: str
    action_execution_id: str
    stage: str
    action: str
    timeout_minutes: int | None
    started: float
    configuration: Mapping[str, str]
    inputs: Mapping[str, Location]
    outputs: Mapping[str, Location]
    artifacts: Artifacts
    revision: Revision | None
    commit: str
    stop: threading.Event
    clients: Clients
    report: Callable[..., None]
    condition: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a successful action gives to those after it.

    Attributes
    ----------
    variables
        Its output variables.
    revision
        The commit, of a source action.
    revision_summary
        Its message.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""
    revision_summary: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """A provider of actions or rules.

    Attributes
    ----------
    run
        Does the action's work, in a thread of its own, and returns when it is done. Raises
        `ActionError` to fail it and `ActionAbandoned` once it has stopped.
    required, optional
        Keys that the configuration must have, and may have; it can have no others.
    check
        Refuses a configuration with a ValueError that says why, for what can be known before it
        runs. Values may still hold variables.
    inputs, outputs
        Fewest and most artifacts.
    """

    run: Callable[[Invocation], Outcome]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    check: Callable[[Mapping[str, str]], None] = lambda _configuration: None
    inputs: tuple[int, int]
    outputs: tuple[int, int]


Providers: TypeAlias = Mapping[ActionType, Provider]


def action_type(action: Mapping[str, Mapping[str, str]]) -> ActionType:
    """Return the type of an action of a declaration."""
    declared = action["actionTypeId"]
    return declared["category"], declared["owner"], declared["provider"]


def rule_type(rule: Mapping[str, Mapping[str, str]]) -> ActionType:
    """Return the type of a rule of a declaration."""
    declared = rule["ruleTypeId"]
    return declared["category"], declared.get("owner", "AWS"), declared["provider"]
