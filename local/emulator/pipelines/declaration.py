"""The declaration of a pipeline: from a template to the API's shape, and what AWS refuses."""

import collections
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.emulator.pipelines.action import Providers, action_type
from local.emulator.pipelines.declared_conditions import (
    check_conditions,
    check_configuration,
    complete,
    rules_of_stage,
)
from local.emulator.pipelines.declared_triggers import check_triggers, check_variables
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
        complete(stage)
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
    try:
        check_conditions(pipeline, providers)
        check_triggers(pipeline)
        check_variables(pipeline)
    except ValueError as error:
        raise InvalidDeclarationError(str(error)) from None
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
    if provider is None or kind[0] == "Rule":
        category, owner, provided_by = kind
        raise InvalidDeclarationError(
            f"ActionType (Category: '{category}', Provider: '{provided_by}', Owner: '{owner}') in "
            f"action '{name}' is not available in this emulator"
        )
    try:
        check_configuration(
            f"Action configuration for action '{name}'", action["configuration"], provider
        )
    except ValueError as error:
        raise InvalidDeclarationError(str(error)) from None
    _check_timeout(action)
    for side, (fewest, most) in (
        ("inputArtifacts", provider.inputs),
        ("outputArtifacts", provider.outputs),
    ):
        if not fewest <= len(action[side]) <= most:
            raise InvalidDeclarationError(
                f"Action '{name}' has {len(action[side])} {side}, but {kind[2]} takes "
                + (f"{fewest}" if fewest == most else f"{fewest} to {most}")
            )


def _check_timeout(action: Mapping[str, Any]) -> None:
    if "timeoutInMinutes" not in action:
        return
    if action_type(action)[0] != "Approval":
        raise InvalidDeclarationError(
            f"Action '{action['name']}' has timeoutInMinutes, which only manual approvals can have"
        )
    if not 5 <= action["timeoutInMinutes"] <= 86_400:
        raise InvalidDeclarationError(
            f"timeoutInMinutes of action '{action['name']}' must be 5 to 86400, not "
            f"{action['timeoutInMinutes']}"
        )


def _check_artifacts(pipeline: Mapping[str, Any]) -> None:
    outputs = [
        output["name"] for _, action in actions(pipeline) for output in action["outputArtifacts"]
    ]
    _refuse_twice("output artifact name", outputs)
    known: set[str] = set()
    for stage in pipeline["stages"]:
        before = set(known)
        _check_rule_inputs(stage, before, "beforeEntry")
        order = None
        pending: set[str] = set()
        for action in sorted(stage["actions"], key=lambda action: action["runOrder"]):
            # Actions of one run order go in parallel and do not see each other's output.
            if order != action["runOrder"]:
                known |= pending
                pending = set()
                order = action["runOrder"]
            for given in action["inputArtifacts"]:
                if given["name"] not in known:
                    raise InvalidDeclarationError(
                        f"Input Artifact Bundle {given['name']} in action {action['name']} is not "
                        "declared as Output Artifact Bundle in any of the preceding actions"
                    )
            pending |= {output["name"] for output in action["outputArtifacts"]}
        # After a failure there need not be what the stage's own actions would have made.
        _check_rule_inputs(stage, before, "onFailure")
        known |= pending
        _check_rule_inputs(stage, known, "onSuccess")


def _check_rule_inputs(stage: Mapping[str, Any], known: set[str], wanted: str) -> None:
    for kind, rule in rules_of_stage(stage):
        for given in rule["inputArtifacts"]:
            if kind == wanted and given["name"] not in known:
                raise InvalidDeclarationError(
                    f"Input Artifact Bundle {given['name']} in rule {rule['name']} is not "
                    "declared as Output Artifact Bundle in any of the preceding actions"
                )


def _check_namespaces(pipeline: Mapping[str, Any]) -> None:
    _refuse_twice(
        "namespace",
        (action["namespace"] for _, action in actions(pipeline) if "namespace" in action),
    )
    known = set(_GIVEN_NAMESPACES)
    declared = {variable["name"] for variable in pipeline.get("variables", ())}
    for stage in pipeline["stages"]:
        rules = list(rules_of_stage(stage))
        for kind, rule in rules:
            if kind == "beforeEntry":
                _check_references(f"Rule '{rule['name']}'", rule, known, declared)
        for action in sorted(stage["actions"], key=lambda action: action["runOrder"]):
            _check_references(f"Action '{action['name']}'", action, known, declared)
            if "namespace" in action:
                known.add(action["namespace"])
        for kind, rule in rules:
            if kind != "beforeEntry":
                _check_references(f"Rule '{rule['name']}'", rule, known, declared)


def _check_references(
    what: str, user: Mapping[str, Any], known: set[str], declared: set[str]
) -> None:
    for text in user["configuration"].values():
        for namespace, name in references(text):
            if namespace not in known:
                raise InvalidDeclarationError(
                    f"{what} uses the variable #{{{namespace}.{name}}}, but no action before it "
                    f"has the namespace '{namespace}'"
                )
            if namespace == "variables" and name not in declared:
                raise InvalidDeclarationError(
                    f"{what} uses the variable #{{variables.{name}}}, which the pipeline does not "
                    "declare"
                )
