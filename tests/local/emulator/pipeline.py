"""A deployed pipeline, driven as its users drive it, and the events that it sends."""

import json
from typing import Any

from tests.local.emulator.delivery import approval, pipeline_template, source
from tests.local.emulator.driver import Emulator, eventually, queue

FINAL = {"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"}


class Pipeline:
    """A deployed pipeline and its repository."""

    def __init__(self, emulator: Emulator, stages: Any, *args: Any, **kwargs: Any) -> None:
        self.emulator = emulator
        self.api = emulator.client("codepipeline")
        self.repository = emulator.new_name("org/code")
        first = kwargs.pop("source", None) or source(self.repository)
        self.template = pipeline_template({"Source": [first], **stages}, *args, **kwargs)
        self.stack = emulator.deploy(self.template)
        outputs = emulator.outputs(self.stack)
        self.name, self.bucket = outputs["Pipeline"], outputs["Artifacts"]
        self.connection = outputs["Connection"]

    def push(self, files: Any = None, **query: str) -> str:
        """Push and return the execution that this starts."""
        _, (execution,) = self.emulator.push(self.repository, files or {"a": "b"}, **query)
        return execution

    def update(self, **properties: Any) -> None:
        """Change properties of the pipeline in its template; None removes one."""
        declared = self.template["Resources"]["Pipeline"]["Properties"]
        for name, value in properties.items():
            declared.pop(name, None)
            if value is not None:
                declared[name] = value
        self.emulator.deploy(self.template, self.stack)

    def start(self, **request: Any) -> str:
        started = self.api.start_pipeline_execution(name=self.name, **request)
        return str(started["pipelineExecutionId"])

    def execution(self, execution: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get_pipeline_execution(
            pipelineName=self.name, pipelineExecutionId=execution
        )["pipelineExecution"]
        return found

    def status(self, execution: str) -> str:
        return str(self.execution(execution)["status"])

    def end(self, execution: str) -> str:
        def final() -> str | None:
            status = self.status(execution)
            return status if status in FINAL else None

        return str(eventually(final))

    def actions(self, execution: str) -> dict[str, dict[str, Any]]:
        """Return action name -> its newest run."""
        details = self.api.list_action_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution}
        )["actionExecutionDetails"]
        return {each["actionName"]: each for each in reversed(details)}

    def error(self, execution: str, action_name: str) -> dict[str, str]:
        result = self.actions(execution)[action_name]["output"]["executionResult"]
        error: dict[str, str] = result["errorDetails"]
        return error

    def stage(self, name: str) -> dict[str, Any]:
        states = self.api.get_pipeline_state(name=self.name)["stageStates"]
        return next(each for each in states if each["stageName"] == name)

    def stage_status(self, name: str) -> str:
        return str(self.stage(name).get("latestExecution", {}).get("status"))

    def condition(self, stage: str, kind: str) -> dict[str, Any]:
        """Return the state of a condition, such as ``beforeEntry``."""
        found: dict[str, Any] = self.stage(stage)[f"{kind}ConditionState"]
        return found

    def condition_becomes(self, stage: str, kind: str, status: str) -> dict[str, Any]:
        """Wait until a condition stands so; return its state."""

        def found() -> dict[str, Any] | None:
            state = self.condition(stage, kind)
            return state if state.get("latestExecution", {}).get("status") == status else None

        state: dict[str, Any] = eventually(found)
        return state

    def rules(self, execution: str) -> dict[str, dict[str, Any]]:
        """Return rule name -> its newest run."""
        details = self.api.list_rule_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution}
        )["ruleExecutionDetails"]
        return {each["ruleName"]: each for each in reversed(details)}

    def pass_gate(self, execution: str, status: str = "Approved", stage: str = "Gate") -> None:
        """Answer the approval of a stage as soon as it is open."""
        self.answer(stage, self.token(stage, execution), status)

    def newest(self) -> dict[str, Any]:
        """Return the newest execution."""
        listed = self.api.list_pipeline_executions(pipelineName=self.name)
        found: dict[str, Any] = listed["pipelineExecutionSummaries"][0]
        return found

    def executions(self) -> list[dict[str, Any]]:
        """Return all executions, newest first."""
        listed = self.api.list_pipeline_executions(pipelineName=self.name)
        found: list[dict[str, Any]] = listed["pipelineExecutionSummaries"]
        return found

    def token(self, stage: str, execution: str) -> str:
        """Return the token of the open approval in a stage."""

        def found() -> str | None:
            state = self.stage(stage)
            if state.get("latestExecution", {}).get("pipelineExecutionId") != execution:
                return None
            latest = state["actionStates"][0].get("latestExecution", {})
            token: str | None = latest.get("token")
            return token

        return str(eventually(found))

    def answer(
        self, stage: str, token: str, status: str = "Approved", name: str = "Approve"
    ) -> None:
        self.api.put_approval_result(
            pipelineName=self.name,
            stageName=stage,
            actionName=name,
            token=token,
            result={"status": status, "summary": "because"},
        )


def approvals(emulator: Emulator, **kwargs: Any) -> Pipeline:
    return Pipeline(emulator, {"Gate": [approval()], "After": [approval("Last")]}, **kwargs)


def gate(timeout: int | None = None, **stage: Any) -> dict[str, Any]:
    """Return a stage with one approval, and what else it declares."""
    action = approval() | ({"TimeoutInMinutes": timeout} if timeout else {})
    return {"Name": "Gate", "Actions": [action], **stage}


def gated(emulator: Emulator, stage: dict[str, Any], *args: Any, **kwargs: Any) -> Pipeline:
    """Deploy a pipeline whose second stage is this one."""
    repository = emulator.new_name("org/code")
    first = {"Name": "Source", "Actions": [source(repository)]}
    pipeline = Pipeline(emulator, {}, *args, **{"Stages": [first, stage], **kwargs})
    pipeline.repository = repository
    return pipeline


def rule(provider: str, configuration: dict[str, str], name: str = "", **more: Any) -> Any:
    return {
        "Name": name or provider,
        "RuleTypeId": {"Category": "Rule", "Owner": "AWS", "Provider": provider, "Version": "1"},
        "Configuration": configuration,
        **more,
    }


def condition(result: str, *rules: Any) -> dict[str, Any]:
    return {"Conditions": [{"Result": result, "Rules": list(rules)}]}


class Inbox:
    """A queue with all events of pipelines."""

    resources = {
        **queue("Inbox"),
        "InboxRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.codepipeline"]},
                "Targets": [{"Id": "inbox", "Arn": {"Fn::GetAtt": ["Inbox", "Arn"]}}],
            },
        },
    }

    def __init__(self, pipeline: Pipeline) -> None:
        emulator = pipeline.emulator
        resources = emulator.client("cloudformation").list_stack_resources(
            StackName=pipeline.stack
        )["StackResourceSummaries"]
        self._sqs = emulator.client("sqs")
        self._url = next(
            each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "Inbox"
        )
        self._received: list[dict[str, Any]] = []

    def of(self, execution: str, kind: str) -> list[dict[str, Any]]:
        """Return the details of all events of an execution; `kind` is such as ``Stage``."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            self._received += [json.loads(each["Body"]) for each in messages]
        return [
            each["detail"]
            for each in self._received
            if each["detail-type"] == f"CodePipeline {kind} Execution State Change"
            and each["detail"]["execution-id"] == execution
        ]

    def states(self, execution: str, kind: str, stage: str = "") -> list[str]:
        """Return the states that an execution went through."""
        return [
            each["state"]
            for each in self.of(execution, kind)
            if not stage or each.get("stage") == stage
        ]
