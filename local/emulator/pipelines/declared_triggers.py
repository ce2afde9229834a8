"""Triggers and variables in a declaration: which AWS takes.

https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html and the API
reference's ``GitConfiguration``, ``GitPushFilter``, ``GitPullRequestFilter`` and
``PipelineVariableDeclaration``.
"""

import collections
import re
from collections.abc import Mapping
from typing import Any

from local.emulator.pipelines.globs import compiled

EVENTS = ("OPEN", "UPDATED", "CLOSED")

_MOST_FILTERS = 3
_MOST_PATTERNS = 8
_LONGEST_PATTERN = 255
_MOST_VARIABLES = 50
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9@\-_]{1,128}")
_LONGEST_VALUE = 1000
_LONGEST_DESCRIPTION = 200


def check_triggers(pipeline: Mapping[str, Any]) -> None:
    """Refuse triggers that AWS refuses.

    Raises
    ------
    ValueError
        The message says what and where.
    """
    sources = {action["name"]: action for action in pipeline["stages"][0]["actions"]}
    seen: set[str] = set()
    for trigger in pipeline.get("triggers", ()):
        if trigger.get("providerType") != "CodeStarSourceConnection":
            raise ValueError(
                "The providerType of a trigger must be CodeStarSourceConnection, not "
                f"{trigger.get('providerType')!r}"
            )
        git = trigger["gitConfiguration"]
        name = git["sourceActionName"]
        where = f"The trigger of source action '{name}'"
        source = sources.get(name)
        if source is None or source["actionTypeId"]["provider"] != "CodeStarSourceConnection":
            raise ValueError(f"{where}: the pipeline has no such action behind a connection")
        if name in seen:
            raise ValueError(f"{where}: there can be one trigger for an action; join the filters")
        seen.add(name)
        for kind in ("push", "pullRequest"):
            filters = git.get(kind)
            if filters is None:
                continue
            if not 1 <= len(filters) <= _MOST_FILTERS:
                raise ValueError(
                    f"{where}: there can be 1 to {_MOST_FILTERS} {kind} filters, not {len(filters)}"
                )
            for one in filters:
                _check_filter(f"{where}, a {kind} filter", kind, one)


def check_variables(pipeline: Mapping[str, Any]) -> None:
    """Refuse variables that AWS refuses.

    Raises
    ------
    ValueError
        The message says which.
    """
    variables = pipeline.get("variables", ())
    if len(variables) > _MOST_VARIABLES:
        raise ValueError(f"A pipeline can have {_MOST_VARIABLES} variables, not {len(variables)}")
    names = collections.Counter(variable["name"] for variable in variables)
    for variable in variables:
        name = variable["name"]
        if not _VARIABLE_NAME.fullmatch(name):
            raise ValueError(
                f"The name of a variable is 1 to 128 letters, digits and @-_, not {name!r}"
            )
        if names[name] > 1:
            raise ValueError(f"Every variable name must be unique, but '{name}' is not")
        if (default := variable.get("defaultValue")) is not None:
            check_value(name, default)
        if len(variable.get("description", "")) > _LONGEST_DESCRIPTION:
            raise ValueError(
                f"The description of variable '{name}' has more than {_LONGEST_DESCRIPTION} "
                "characters"
            )


def check_value(name: str, value: str) -> None:
    """Refuse a value that no variable can have.

    Raises
    ------
    ValueError
        The message says why.
    """
    if not 1 <= len(value) <= _LONGEST_VALUE or "\n" in value:
        raise ValueError(
            f"The value of variable '{name}' must be one line of 1 to {_LONGEST_VALUE} characters; "
            f"it has {len(value)}"
        )


def _check_filter(where: str, kind: str, declared: Mapping[str, Any]) -> None:
    known = {"branches", "filePaths"} | ({"tags"} if kind == "push" else {"events"})
    if unknown := sorted(declared.keys() - known):
        raise ValueError(f"{where} cannot have {unknown[0]!r}, only {', '.join(sorted(known))}")
    criteria = declared.keys() - {"events"}
    if "tags" in criteria and len(criteria) > 1:
        raise ValueError(
            f"{where}: tags cannot be combined with branches or filePaths; make two filters"
        )
    if not criteria & {"tags", "branches"}:
        raise ValueError(
            f"{where} must name "
            + ("tags or branches" if kind == "push" else "branches")
            + "; filePaths are only taken along with branches"
        )
    if kind == "pullRequest":
        events = declared.get("events", EVENTS)
        if not events or len(set(events)) < len(events) or set(events) - set(EVENTS):
            raise ValueError(
                f"{where}: events must be of {', '.join(EVENTS)}, each once, not {list(events)}"
            )
    for name in criteria:
        _check_patterns(f"{where}, {name}", declared[name])


def _check_patterns(where: str, criterion: Mapping[str, Any]) -> None:
    if not criterion.keys() & {"includes", "excludes"}:
        raise ValueError(f"{where} must have includes or excludes")
    for side in ("includes", "excludes"):
        patterns = criterion.get(side)
        if patterns is None:
            continue
        if not 1 <= len(patterns) <= _MOST_PATTERNS:
            raise ValueError(
                f"{where}: {side} has 1 to {_MOST_PATTERNS} patterns, not {len(patterns)}"
            )
        for pattern in patterns:
            if not 1 <= len(pattern) <= _LONGEST_PATTERN:
                raise ValueError(
                    f"{where}: a pattern has 1 to {_LONGEST_PATTERN} characters, not {len(pattern)}"
                )
            try:
                compiled(pattern)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
