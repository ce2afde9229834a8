"""A small AWS in memory behind the real boto3, in the shapes of botocore's own models."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import boto3
import botocore
import botocore.awsrequest
import botocore.model
import botocore.session
import botocore.validate
import pytest

PLACE = "eu-west-1:111122223333"
REPOSITORY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/my-app"
OLD = f"{REPOSITORY}@sha256:{'0' * 64}"
NEW = f"{REPOSITORY}@sha256:{'a' * 64}"
OTHER = f"{REPOSITORY}@sha256:{'b' * 64}"
SEED = "us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0"
JOB = "11111111-2222-3333-4444-555555555555"
ROLE = "arn:aws:iam::111122223333:role/recording"
OWN_KEY, ROLE_KEY = "AKIAOWNOWNOWNOWNOWNO", "ASIAROLEROLEROLEROLE"
_START = datetime(2026, 1, 1, 12, tzinfo=UTC)
_MODELS = botocore.session.get_session()


class FaultError(Exception):
    """An error that an API answers with."""

    def __init__(self, code: str, message: str = "no", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


@dataclass
class Aws:
    """The service `my-app`, its history, two parameters, and what CodePipeline was answered."""

    OLD: ClassVar = OLD
    NEW: ClassVar = NEW
    OTHER: ClassVar = OTHER
    SEED: ClassVar = SEED
    fault: ClassVar = FaultError

    service: dict[str, Any] = field(default_factory=dict)
    service_deployments: list[dict[str, Any]] = field(default_factory=list)
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    after: dict[str, list[Callable[[], None]]] = field(default_factory=lambda: defaultdict(list))
    # Tags in the repository, by the digest that they are on.
    tags: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    manifest_kind: str = "application/vnd.oci.image.manifest.v1+json"
    page_size: int = 100

    # What happened to the service

    def define(self, image: str, name: str = "app") -> str:
        arn = f"arn:aws:ecs:{PLACE}:task-definition/my-app:{len(self.definitions) + 1}"
        log = {"logDriver": "awslogs", "options": {"awslogs-group": "/my-app/log"}}
        self.definitions[arn] = {
            "taskDefinitionArn": arn,
            "containerDefinitions": [
                {"name": "sidecar", "image": "envoy:1"},
                {
                    "name": name,
                    "image": image,
                    "environment": [{"name": "TOKEN", "value": "hunter2"}],
                    "logConfiguration": log,
                },
            ],
        }
        return arn

    def deploy(
        self, image: str, *, count: int = 2, resolved: str | None = None, tasks: bool = True
    ) -> dict[str, Any]:
        """Put an image on the service: the deployment has completed, its tasks run."""
        definition = self.define(image)
        number = len(self.service_deployments) + 1
        revision = f"arn:aws:ecs:{PLACE}:service-revision/prod/my-app/{number}"
        container = {"containerName": "app", "image": image}
        if resolved is not None:
            container["imageDigest"] = resolved
        self.revisions[revision] = {
            "serviceRevisionArn": revision,
            "taskDefinition": definition,
            "containerImages": [{"containerName": "sidecar", "image": "envoy:1"}, container],
        }
        deployment = {
            "serviceDeploymentArn": f"arn:aws:ecs:{PLACE}:service-deployment/prod/my-app/{number}",
            "createdAt": _START + timedelta(minutes=number),
            "targetServiceRevision": {"arn": revision},
            "status": "SUCCESSFUL",
        }
        self.service_deployments.append(deployment)
        self.primary(definition, number=number, count=count)
        if tasks:
            self.run(definition, image, count, resolved)
        return deployment

    def primary(
        self, definition: str, *, number: int, count: int = 2, rollout: str | None = "COMPLETED"
    ) -> None:
        deployment = {
            "id": f"ecs-svc/{number}",
            "status": "PRIMARY",
            "taskDefinition": definition,
            "desiredCount": count,
            "runningCount": count,
            "pendingCount": 0,
            "failedTasks": 0,
        }
        if rollout is not None:
            deployment["rolloutState"] = rollout
            deployment["rolloutStateReason"] = f"ECS deployment ecs-svc/{number} {rollout.lower()}."
        self.service = {
            "serviceName": "my-app",
            "status": "ACTIVE",
            "deploymentController": {"type": "ECS"},
            "deployments": [deployment],
        }

    def run(self, definition: str, image: str, count: int, resolved: str | None = None) -> None:
        self.tasks = [
            {
                "taskArn": f"arn:aws:ecs:{PLACE}:task/prod/{definition[-1]}{number}",
                "taskDefinitionArn": definition,
                "desiredStatus": "RUNNING",
                "lastStatus": "RUNNING",
                "overrides": {"containerOverrides": []},
                "containers": [
                    {"name": "sidecar", "image": "envoy:1", "lastStatus": "RUNNING"},
                    {
                        "name": "app",
                        "image": image,
                        "imageDigest": resolved or image.rpartition("@")[2],
                        "lastStatus": "RUNNING",
                    },
                ],
            }
            for number in range(count)
        ]

    def stop_task(self, why: str, /, **container: Any) -> None:
        """Add a task of the newest revision that has stopped; it had the image NEW."""
        self.tasks.append(
            {
                "taskArn": f"arn:aws:ecs:{PLACE}:task/prod/s{len(self.tasks)}",
                "taskDefinitionArn": list(self.definitions)[-1],
                "desiredStatus": "STOPPED",
                "lastStatus": "STOPPED",
                "stoppedReason": why,
                "containers": [
                    {"name": "sidecar", "lastStatus": "STOPPED", "exitCode": 0},
                    {"name": "app", "image": NEW, "lastStatus": "STOPPED", **container},
                ],
            }
        )

    def roll_back(self, status: str = "ROLLBACK_SUCCESSFUL", **details: Any) -> dict[str, Any]:
        """Deploy NEW over OLD and have ECS go back."""
        self.deploy(OLD)
        before = (self.service, self.tasks)
        failed = self.deploy(NEW)
        failed.update(status=status, **details)
        self.service, self.tasks = before
        return failed

    # The APIs

    def describe_services(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["services"] != [self.service.get("serviceName")]:
            missing = {"arn": asked["services"][0], "reason": "MISSING"}
            return {"services": [], "failures": [missing]}
        return {"services": [self.service], "failures": []}

    def list_service_deployments(self, asked: dict[str, Any]) -> dict[str, Any]:
        briefs = [
            {
                "serviceDeploymentArn": deployment["serviceDeploymentArn"],
                "createdAt": deployment["createdAt"],
                "targetServiceRevisionArn": deployment["targetServiceRevision"]["arn"],
                "status": deployment["status"],
            }
            for deployment in reversed(self.service_deployments)
        ]
        return self._page("serviceDeployments", briefs, asked)

    def describe_service_deployments(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [
            deployment
            for deployment in self.service_deployments
            if deployment["serviceDeploymentArn"] in asked["serviceDeploymentArns"]
        ]
        return {"serviceDeployments": found, "failures": []}

    def describe_service_revisions(self, asked: dict[str, Any]) -> dict[str, Any]:
        arns = asked["serviceRevisionArns"]
        if len(arns) > 20:
            raise FaultError("InvalidParameterException", "at most 20")
        return {"serviceRevisions": [self.revisions[arn] for arn in arns]}

    def describe_task_definition(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"taskDefinition": self.definitions[asked["taskDefinition"]]}

    def list_tasks(self, asked: dict[str, Any]) -> dict[str, Any]:
        arns = [t["taskArn"] for t in self.tasks if t["desiredStatus"] == asked["desiredStatus"]]
        return self._page("taskArns", arns, asked)

    def describe_tasks(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [task for task in self.tasks if task["taskArn"] in asked["tasks"]]
        return {"tasks": found, "failures": []}

    def get_parameter(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["Name"]
        if name not in self.parameters:
            raise FaultError("ParameterNotFound", "")
        return {"Parameter": {"Name": name, "Value": self.parameters[name], "Type": "String"}}

    def put_parameter(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked == {"Name": asked["Name"], "Value": asked["Value"], "Overwrite": True}
        assert asked["Name"] in self.parameters
        self.parameters[asked["Name"]] = asked["Value"]
        self.written.append((asked["Name"], asked["Value"]))
        return {"Version": len(self.written) + 1}

    def batch_get_image(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["repositoryName"] == "my-app"
        (image_id,) = asked["imageIds"]
        if image_id["imageDigest"] in self.missing:
            return {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}
        if self.manifest_kind not in asked["acceptedMediaTypes"]:
            return {"images": [], "failures": [{"failureCode": "UnsupportedImageType"}]}
        manifest, kind = f"of {image_id['imageDigest']}", self.manifest_kind
        return {"images": [{"imageManifest": manifest, "imageManifestMediaType": kind}]}

    def put_image(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["imageManifest"] == f"of {asked['imageDigest']}"
        assert asked["imageManifestMediaType"] == self.manifest_kind
        if self.tags.get(asked["imageTag"]) == asked["imageDigest"]:
            raise FaultError("ImageAlreadyExistsException")
        self.tags[asked["imageTag"]] = asked["imageDigest"]
        return {}

    def put_job_success_result(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert not {"continuationToken", "outputVariables"} <= set(asked)
        self.answers.append(asked)
        return {}

    def put_job_failure_result(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert len(asked["failureDetails"]["message"]) <= 5000
        self.answers.append(asked)
        return {}

    def _page(self, key: str, items: list[Any], asked: dict[str, Any]) -> dict[str, Any]:
        start = int(asked.get("nextToken", 0))
        end = start + self.page_size
        more = {"nextToken": str(end)} if end < len(items) else {}
        return {key: items[start:end], **more}

    # The wire

    def send(self, request: Any, event_name: str, **_: Any) -> botocore.awsrequest.AWSResponse:
        _, service, operation = event_name.split(".")
        self.calls.append(operation)
        self.keys[service].add(re.findall(r"Credential=(\w+)/", _header(request))[0])
        try:
            if self.faults[operation]:
                raise self.faults[operation].pop(0)
            if service == "sts":
                return _response(request.url, 200, _ASSUMED)
            output = getattr(self, botocore.xform_name(operation))(json.loads(request.body))
        except FaultError as fault:
            error = json.dumps({"__type": fault.code, "message": fault.message})
            return _response(
                request.url,
                fault.status,
                _NOT_ASSUMED.format(fault=fault) if service == "sts" else error,
            )
        shape = _MODELS.get_service_model(service).operation_model(operation).output_shape
        if isinstance(shape, botocore.model.StructureShape):
            report = botocore.validate.ParamValidator().validate(output, shape)
            assert not report.has_errors(), report.generate_report()
        body = json.dumps(output, default=lambda moment: moment.timestamp())
        if self.after[operation]:
            self.after[operation].pop(0)()
        return _response(request.url, 200, body)


_ASSUMED = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>{ROLE_KEY}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""


_NOT_ASSUMED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{fault.code}</Code>"
    "<Message>{fault.message}</Message></Error></ErrorResponse>"
)


def _header(request: Any) -> str:
    value = request.headers["Authorization"]
    return value.decode() if isinstance(value, bytes) else str(value)


def _response(url: str, status: int, body: str) -> botocore.awsrequest.AWSResponse:
    class Raw:
        def stream(self) -> Any:
            yield body.encode()

    return botocore.awsrequest.AWSResponse(url, status, {}, Raw())


@pytest.fixture(scope="session")
def session() -> boto3.session.Session:
    """One for all tests: it has read the models."""
    return boto3.session.Session()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, session: boto3.session.Session) -> Iterator[Aws]:
    """The AWS of one test; every client that is made while it runs speaks to it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": OWN_KEY,
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    found = Aws(parameters={"/my-app/image": OLD, "/my-app/image-previous": SEED})
    session.events.register("before-send", found.send)
    yield found
    session.events.unregister("before-send", found.send)


def event(token: str | None = None, **parameters: Any) -> dict[str, Any]:
    """What CodePipeline sends; a parameter of None is left out."""
    given = {
        "cluster": "prod",
        "service": "my-app",
        "container": "app",
        "image": NEW,
        "pointer": "/my-app/image",
        "previous": "/my-app/image-previous",
        "role": ROLE,
        "timeout": "1800",
        "repository": "my-app",
        **parameters,
    }
    text = json.dumps({key: value for key, value in given.items() if value is not None})
    data = {
        "actionConfiguration": {
            "configuration": {"FunctionName": "recorder", "UserParameters": text}
        },
        "inputArtifacts": [],
        "outputArtifacts": [],
        "artifactCredentials": {
            "accessKeyId": "ASIAJOB",
            "secretAccessKey": "very-secret",
            "sessionToken": "very-secret",
        },
    }
    if token is not None:
        data["continuationToken"] = token
    return {"CodePipeline.job": {"id": JOB, "accountId": "111122223333", "data": data}}


@pytest.fixture
def job() -> Callable[..., dict[str, Any]]:
    """What CodePipeline sends."""
    return event


@pytest.fixture
def record(aws: Aws) -> Callable[..., dict[str, Any]]:
    """Send the recorder a job and get its one answer."""
    from release_recorder.handler import handle

    def run(token: str | None = None, **parameters: Any) -> dict[str, Any]:
        aws.answers.clear()
        handle(event(token, **parameters), None)
        (answer,) = aws.answers
        assert answer["jobId"] == JOB
        return answer

    return run
