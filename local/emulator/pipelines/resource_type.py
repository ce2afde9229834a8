"""``AWS::CodePipeline::Pipeline``: how templates make, change and remove pipelines."""

import time
from collections.abc import Callable
from typing import Any

from local.emulator.pipelines import declaration
from local.emulator.pipelines.action import Providers
from local.emulator.pipelines.catalogue import arn, find, pipelines
from local.emulator.pipelines.engine import Engine, disabled_transitions
from local.emulator.pipelines.executions import (
    FINAL,
    action_executions,
    actions_of,
    executions,
    of_pipeline,
    stage_executions,
)
from local.emulator.pipelines.rule_executions import condition_states, rule_executions, rules_of
from local.emulator.resources import (
    Attributes,
    Created,
    Declared,
    Properties,
    add_resource_type,
    tag_map,
)
from local.emulator.service import Operation


class ResourceType:
    """The resource type.

    Parameters
    ----------
    engine
        Ends the executions of a pipeline that has changed.
    providers
        Who does the work of actions and rules.
    start
        Starts a pipeline by its name, for RestartExecutionOnUpdate.
    """

    def __init__(self, engine: Engine, providers: Providers, start: Callable[..., str]) -> None:
        self._engine = engine
        self._providers = providers
        self._start = start

    def register(self) -> None:
        """Make it known to CloudFormation."""
        add_resource_type(
            "AWS::CodePipeline::Pipeline",
            create=self._create,
            delete=self._delete,
            update=self._update,
            replaces=("Name",),
            tags="Tags",
        )

    @staticmethod
    def operations() -> dict[str, Operation]:
        """Return the API's operations on tags."""
        return {
            "ListTagsForResource": _list_tags,
            "TagResource": _tag,
            "UntagResource": _untag,
        }

    def _create(self, declared: Declared) -> Created:
        name = declared.name("Name", 100)
        if name in pipelines:
            raise ValueError(f"A pipeline with the name '{name}' already exists in account")
        now = time.time()
        pipelines[name] = {
            "declaration": {**self._checked(declared, name), "version": 1},
            "tags": tag_map(declared.properties),
            "created": now,
            "updated": now,
        }
        _set_transitions(name, declared.properties)
        return name, _attributes(name)

    def _update(self, name: str, _: Properties, declared: Declared) -> Attributes:
        record = pipelines[name]
        version = record["declaration"]["version"]
        structure = self._checked(declared, name)
        is_changed = {**structure, "version": version} != record["declaration"]
        if is_changed:
            version += 1
            self._engine.cancel(name)
        pipelines[name] = {
            **record,
            "declaration": {**structure, "version": version},
            "tags": tag_map(declared.properties),
            "updated": time.time(),
        }
        _set_transitions(name, declared.properties)
        self._engine.look_again()
        if is_changed and declared.properties.get("RestartExecutionOnUpdate"):
            # CloudFormation starts it as a person does.
            trigger = {"triggerType": "StartPipelineExecution", "triggerDetail": arn(name)}
            self._start(name, trigger=trigger)
        return _attributes(name)

    @staticmethod
    def _delete(name: str, _: Properties) -> None:
        pipelines.pop(name, None)
        for record in of_pipeline(name):
            if record["status"] not in FINAL:
                continue
            execution_id = record["pipelineExecutionId"]
            for action in actions_of({execution_id}):
                action_executions.pop(action["actionExecutionId"], None)
            for rule in rules_of({execution_id}):
                rule_executions.pop(rule["ruleExecutionId"], None)
            executions.pop(execution_id, None)
        for store in (stage_executions, condition_states, disabled_transitions):
            for key in [key for key in store if key.startswith(f"{name}/")]:
                store.pop(key, None)

    def _checked(self, declared: Declared, name: str) -> dict[str, Any]:
        found = declaration.from_template(declared.properties, name)
        declaration.check(found, self._providers)
        return found


def _set_transitions(name: str, properties: Properties) -> None:
    """Disable the transitions that a template names, and enable all others."""
    wanted = {
        stage["StageName"]: stage["Reason"]
        for stage in properties.get("DisableInboundStageTransitions") or ()
    }
    for key in [key for key in disabled_transitions if key.startswith(f"{name}/")]:
        if key.removeprefix(f"{name}/") not in wanted:
            disabled_transitions.pop(key, None)
    for stage, reason in wanted.items():
        disabled_transitions[f"{name}/{stage}"] = {
            "enabled": False,
            "disabledReason": reason,
            "lastChangedAt": time.time(),
        }


def _attributes(name: str) -> Attributes:
    return {"Version": str(pipelines[name]["declaration"]["version"]), "Arn": arn(name)}


def _name(pipeline_arn: str) -> str:
    return pipeline_arn.rpartition(":")[2]


def _list_tags(request: dict[str, Any]) -> dict[str, Any]:
    tags = find(_name(request["resourceArn"]))["tags"]
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def _tag(request: dict[str, Any]) -> dict[str, Any]:
    record = find(_name(request["resourceArn"]))
    tags = record["tags"] | {tag["key"]: tag["value"] for tag in request["tags"]}
    pipelines[_name(request["resourceArn"])] = {**record, "tags": tags}
    return {}


def _untag(request: dict[str, Any]) -> dict[str, Any]:
    record = find(_name(request["resourceArn"]))
    kept = {key: tag for key, tag in record["tags"].items() if key not in request["tagKeys"]}
    pipelines[_name(request["resourceArn"])] = {**record, "tags": kept}
    return {}
