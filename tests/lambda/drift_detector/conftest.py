"""A small AWS in memory behind the real boto3, in the shapes of botocore's own models."""

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import botocore
import botocore.validate
import pytest

PLACE = "eu-west-1:111122223333"
REPOSITORY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/my-app"
LIVE = f"{REPOSITORY}@sha256:{'a' * 64}"
OLD = f"{REPOSITORY}@sha256:{'0' * 64}"
SEED = "us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0"
POINTER, INCIDENT = "/my-app/image", "/my-app/image-drift"
OWN_KEY, ROLE_KEY = "AKIAOWNOWNOWNOWNOWNO", "ASIAROLEROLEROLEROLE"

INPUT: dict[str, Any] = {
    "cluster": "prod",
    "service": "my-app",
    "resource": f"arn:aws:ecs:{PLACE}:service/prod/my-app",
    "container": "app",
    "pointer": POINTER,
    "incident": INCIDENT,
    "pipeline": "my-pipeline",
    "variable": "IMAGE",
    "role": "arn:aws:iam::111122223333:role/drift",
    "restores": True,
    "stack": "my-stack",
}


class FaultError(Exception):
    """An error that an API answers with."""


@dataclass
class Aws:
    """The service `my-app`, its parameters, its stack and its pipeline."""

    LIVE = LIVE
    OLD = OLD
    SEED = SEED
    INPUT = INPUT
    fault = FaultError

    service: dict[str, Any] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, tuple[str, int]] = field(default_factory=dict)
    stack: str | None = "UPDATE_COMPLETE"
    executions: list[dict[str, Any]] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    disabled: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    undelivered: int = 0
    now: int = 1_800_000_000
    calls: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    before: dict[str, list[Callable[[], None]]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, Any] = field(default_factory=dict)

    # What happens

    def run(self, image: str, *, rollout: str | None = "COMPLETED", count: int = 1) -> None:
        """Have the service run an image."""
        arn = f"arn:aws:ecs:{PLACE}:task-definition/my-app:{len(self.definitions) + 1}"
        self.definitions[arn] = image
        deployment = {"id": f"ecs-svc/{arn[-1]}", "status": "PRIMARY", "taskDefinition": arn}
        if rollout:
            deployment["rolloutState"] = rollout
        self.service = {
            "serviceName": "my-app",
            "status": "ACTIVE",
            "desiredCount": count,
            "deploymentController": {"type": "ECS"},
            "deployments": [deployment],
        }

    def run_task_sets(self, *images: str, stability: str = "STEADY_STATE") -> None:
        """Have CodeDeploy's task sets run images, the primary one first."""
        self.run(images[0])
        self.service["deployments"] = []
        self.service["deploymentController"] = {"type": "CODE_DEPLOY"}
        self.service["taskSets"] = []
        for number, image in enumerate(images):
            arn = f"arn:aws:ecs:{PLACE}:task-definition/my-app:{number + 10}"
            self.definitions[arn] = image
            self.service["taskSets"].append(
                {
                    "id": f"ecs-svc/{number}",
                    "status": "ACTIVE" if number else "PRIMARY",
                    "taskDefinition": arn,
                    "stabilityStatus": stability,
                }
            )

    def record(self, image: str) -> None:
        self.parameters[POINTER] = (image, self.parameters.get(POINTER, ("", 0))[1] + 1)

    def execution(self, status: str = "InProgress") -> str:
        """Let somebody else start the pipeline."""
        name = f"{len(self.executions):08}-2222-3333-4444-555555555555"
        self.executions.insert(0, {"pipelineExecutionId": name, "status": status})
        return name

    def end(self, status: str = "Failed") -> None:
        """End all executions."""
        for execution in self.executions:
            execution["status"] = status

    @property
    def states(self) -> list[str]:
        """What people have been notified of."""
        return [event["eventName"].removeprefix("IMAGE_DRIFT_") for event in self.events]

    # The APIs

    def assume_role(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["RoleArn"] == INPUT["role"]
        return {
            "Credentials": {
                "AccessKeyId": ROLE_KEY,
                "SecretAccessKey": "s",
                "SessionToken": "t",
                "Expiration": datetime(2030, 1, 1, tzinfo=UTC),
            }
        }

    def describe_services(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert (asked["cluster"], asked["services"]) == ("prod", ["my-app"])
        return {"services": [self.service] if self.service else [], "failures": []}

    def describe_task_definition(self, asked: dict[str, Any]) -> dict[str, Any]:
        image = self.definitions[asked["taskDefinition"]]
        return {
            "taskDefinition": {
                "containerDefinitions": [
                    {"name": "sidecar", "image": LIVE},
                    {"name": "app", "image": image},
                ]
            }
        }

    def describe_stacks(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked == {"StackName": "my-stack"}
        if self.stack is None:
            raise FaultError("ValidationError")
        created = datetime(2026, 1, 1, tzinfo=UTC)
        stack = {"StackName": "my-stack", "StackStatus": self.stack, "CreationTime": created}
        return {"Stacks": [stack]}

    def get_parameter(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["Name"]
        if name not in self.parameters:
            raise FaultError("ParameterNotFound")
        value, version = self.parameters[name]
        return {"Parameter": {"Name": name, "Value": value, "Version": version}}

    def put_parameter(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["Name"] == INCIDENT
        _, version = self.parameters.get(INCIDENT, ("", 0))
        if version and not asked.get("Overwrite"):
            raise FaultError("ParameterAlreadyExists")
        assert version or asked["Type"] == "String"
        assert len(asked["Value"]) <= 4096
        self.parameters[INCIDENT] = (asked["Value"], version + 1)
        return {"Version": version + 1}

    def get_pipeline_state(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked == {"name": "my-pipeline"}
        stages: list[dict[str, Any]] = [{"stageName": "Source"}]
        for name in ("Build", "Deploy"):
            transition: dict[str, Any] = {"enabled": name not in self.disabled}
            if name in self.disabled:
                transition["disabledReason"] = self.disabled[name]
            stages.append({"stageName": name, "inboundTransitionState": transition})
        return {"stageStates": stages}

    def list_pipeline_executions(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked == {"pipelineName": "my-pipeline", "maxResults": 100}
        return {"pipelineExecutionSummaries": self.executions[:100]}

    def start_pipeline_execution(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["name"] == "my-pipeline"
        token = asked["clientRequestToken"]
        if token not in self.tokens:
            (variable,) = asked["variables"]
            assert variable["name"] == "IMAGE"
            self.variables.append(variable["value"])
            self.tokens[token] = self.execution()
        return {"pipelineExecutionId": self.tokens[token]}

    def put_events(self, asked: dict[str, Any]) -> dict[str, Any]:
        (entry,) = asked["Entries"]
        if self.undelivered:
            self.undelivered -= 1
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
        assert (entry["Source"], entry["DetailType"]) == ("container-pipelines", "Image Drift")
        assert entry["Resources"] == [INPUT["resource"]]
        self.events.append(json.loads(entry["Detail"]))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    # In the place of the wire

    def ask(self, params: dict[str, Any], **_: Any) -> None:
        self.asked = dict(params)

    def answer(self, model: Any, request_signer: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        asked = self.asked
        self.calls.append(model.name)
        self.keys[model.service_model.service_name] = request_signer._credentials.access_key
        if self.before[model.name]:
            self.before[model.name].pop(0)()
        try:
            output = self._output(model.name, asked)
        except FaultError as fault:
            error = {"Code": str(fault), "Message": "told why"}
            return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}
        report = botocore.validate.ParamValidator().validate(output, model.output_shape)
        assert not report.has_errors(), report.generate_report()
        return SimpleNamespace(status_code=200), output

    def _output(self, operation: str, asked: dict[str, Any]) -> Any:
        if self.faults[operation]:
            raise FaultError(self.faults[operation].pop(0))
        return getattr(self, botocore.xform_name(operation))(asked)


class _Wire:
    """Hands the requests of all clients to the AWS of the test that runs."""

    aws: Aws

    def __init__(self) -> None:
        session = boto3.session.Session()
        session.events.register("before-parameter-build", lambda **told: self.aws.ask(**told))
        session.events.register("before-call", lambda **told: self.aws.answer(**told))
        # Making a client takes longer than all that a test does with it.
        self.client = functools.cache(session.client)


@pytest.fixture(scope="session")
def wire() -> Iterator[_Wire]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", OWN_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
            patch.delenv(name, raising=False)
        yield _Wire()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, wire: _Wire) -> Aws:
    """The AWS of one test: a service that runs what is recorded."""
    wire.aws = found = Aws()
    monkeypatch.setattr(
        boto3, "client", lambda *given, config, **options: wire.client(*given, **options)
    )
    monkeypatch.setattr("time.time", lambda: float(found.now))
    found.record(LIVE)
    found.run(LIVE)
    return found


@pytest.fixture
def look(aws: Aws) -> Callable[..., None]:
    """Have the function look once."""
    from drift_detector.handler import handle

    def run(**changes: Any) -> None:
        given = {**INPUT, **changes}
        handle({key: value for key, value in given.items() if value is not None}, None)

    return run
