"""The declaration of a pipeline: from a template to the API's shape, and what AWS refuses."""

import collections
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.emulator.pipelines.action import Providers, action_type
from local.emulator.pipelines.variables import references
from local.emulator.resources import camel

# Namespaces that no action has to give.
_GIVEN_NAMESPACES = {"codepipeline", "variables"}


class InvalidDeclarationError(ValueError):
    """AWS would not accept the pipeline; the message says why."""


def from_template(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the declaration that the properties of a template stand for.

    Parameters
    ----------
    properties
        Of ``AWS::CodePipeline::Pipeline``.
    name
        Of the pipeline.
    """
    declared: dict[str, Any] = _respell(
        {
            key: value
            for key, value in properties.items()
            if key not in {"Tags", "DisableInboundStageTransitions", "RestartExecutionOnUpdate"}
        }
    )
    declared["name"] = name
    declared.setdefault("pipelineType", "V1")
    declared.setdefault("executionMode", "SUPERSEDED")
    if "artifactStores" in declared:
        declared["artifactStores"] = {
            entry["region"]: entry["artifactStore"] for entry in declared["artifactStores"]
        }
    for stage in declared["stages"]:
        for action in stage["actions"]:
            action["runOrder"] = int(action.get("runOrder", 1))
            action.setdefault("configuration", {})
            action.setdefault("inputArtifacts", [])
            action.setdefault("outputArtifacts", [])
            if "timeoutInMinutes" in action:
                action["timeoutInMinutes"] = int(action["timeoutInMinutes"])
    return declared


def _respell(value: Any) -> Any:
    if isinstance(value, list):
        return [_respell(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        # The keys of a configuration belong to the provider and keep their case.
        _first_lower(key): _texts(entry) if key == "Configuration" else _respell(entry)
        for key, entry in value.items()
    }


def _first_lower(key: str) -> str:
    (respelled,) = camel({key: None})
    return str(respelled)


def _texts(configuration: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in configuration.items()
    }


def actions(pipeline: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each stage and action, in the order in which they run."""
    for stage in pipeline["stages"]:
        for action in sorted(stage["actions"], key=lambda action: action["runOrder"]):
            yield stage, action


def check(pipeline: Mapping[str, Any], providers: Providers) -> None:
    """Refuse a declaration that AWS refuses.

    Raises
    ------
    InvalidDeclarationError
    """
    stages = pipeline["stages"]
    if len(stages) < 2:
        raise InvalidDeclarationError("Pipeline must have at least two stages")
    _refuse_twice("stage name", (stage["name"] for stage in stages))
    for stage in stages:
        if not stage["actions"]:
            raise InvalidDeclarationError(f"Stage '{stage['name']}' must have at least one action")
        _refuse_twice(
            f"action name in stage '{stage['name']}'",
            (action["name"] for action in stage["actions"]),
        )
    _check_sources(stages)
    _check_modes(pipeline)
    for _, action in actions(pipeline):
        _check_action(action, providers)
    _check_artifacts(pipeline)
    _check_namespaces(pipeline)


def _refuse_twice(what: str, names: Iterable[str]) -> None:
    counted = collections.Counter(names)
    for name, count in counted.items():
        if count > 1:
            raise InvalidDeclarationError(f"Every {what} must be unique, but '{name}' is not")


def _check_sources(stages: list[dict[str, Any]]) -> None:
    for number, stage in enumerate(stages):
        for action in stage["actions"]:
            is_source = action["actionTypeId"]["category"] == "Source"
            if is_source and number > 0:
                raise InvalidDeclarationError(
                    f"Action '{action['name']}' in stage '{stage['name']}' is a Source action, and "
                    "only the first stage can contain source actions"
                )
            if not is_source and number == 0:
                raise InvalidDeclarationError(
                    f"Action '{action['name']}' in stage '{stage['name']}' is not a Source action, "
                    "and the first stage can only contain source actions"
                )


def _check_modes(pipeline: Mapping[str, Any]) -> None:
    if pipeline["executionMode"] not in {"SUPERSEDED", "QUEUED", "PARALLEL"}:
        raise InvalidDeclarationError(f"Unknown execution mode {pipeline['executionMode']}")
    if pipeline["pipelineType"] == "V2":
        return
    if pipeline["executionMode"] != "SUPERSEDED":
        raise InvalidDeclarationError(
            f"Execution mode {pipeline['executionMode']} is only available for V2 pipelines"
        )
    for feature in ("triggers", "variables"):
        if pipeline.get(feature):
            raise InvalidDeclarationError(
                f"The property '{feature}' is only available for V2 pipelines"
            )


def _check_action(action: Mapping[str, Any], providers: Providers) -> None:
    name = action["name"]
    kind = action_type(action)
    provider = providers.get(kind)
    if provider is None:
        category, owner, provided_by = kind
        raise InvalidDeclarationError(
            f"ActionType (Category: '{category}', Provider: '{provided_by}', Owner: '{owner}') in "
            f"action '{name}' is not available in this emulator"
        )
    for key in provider.required:
        if key not in action["configuration"]:
            raise InvalidDeclarationError(
                f"Action configuration for action '{name}' is missing required configuration "
                f"'{key}'"
            )
    for side, (fewest, most) in (
        ("inputArtifacts", provider.inputs),
        ("outputArtifacts", provider.outputs),
    ):
        if not fewest <= len(action[side]) <= most:
            raise InvalidDeclarationError(
                f"Action '{name}' has {len(action[side])} {side}, but {kind[2]} takes "
                + (f"{fewest}" if fewest == most else f"{fewest} to {most}")
            )


def _check_artifacts(pipeline: Mapping[str, Any]) -> None:
    outputs = [
        output["name"] for _, action in actions(pipeline) for output in action["outputArtifacts"]
    ]
    _refuse_twice("output artifact name", outputs)
    known: set[str] = set()
    order = None
    pending: set[str] = set()
    for stage, action in actions(pipeline):
        # Actions of one run order go in parallel and do not see each other's output.
        if order != (stage["name"], action["runOrder"]):
            known |= pending
            pending = set()
            order = (stage["name"], action["runOrder"])
        for given in action["inputArtifacts"]:
            if given["name"] not in known:
                raise InvalidDeclarationError(
                    f"Input Artifact Bundle {given['name']} in action {action['name']} is not "
                    "declared as Output Artifact Bundle in any of the preceding actions"
                )
        pending |= {output["name"] for output in action["outputArtifacts"]}


def _check_namespaces(pipeline: Mapping[str, Any]) -> None:
    _refuse_twice(
        "namespace",
        (action["namespace"] for _, action in actions(pipeline) if "namespace" in action),
    )
    known = set(_GIVEN_NAMESPACES)
    declared = {variable["name"] for variable in pipeline.get("variables", ())}
    for _, action in actions(pipeline):
        for text in action["configuration"].values():
            for namespace, name in references(text):
                if namespace not in known:
                    raise InvalidDeclarationError(
                        f"Action '{action['name']}' uses the variable #{{{namespace}.{name}}}, but "
                        f"no action before it has the namespace '{namespace}'"
                    )
                if namespace == "variables" and name not in declared:
                    raise InvalidDeclarationError(
                        f"Action '{action['name']}' uses the variable #{{variables.{name}}}, which "
                        "the pipeline does not declare"
                    )
        if "namespace" in action:
            known.add(action["namespace"])
