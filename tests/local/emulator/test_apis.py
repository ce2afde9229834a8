"""Requests and answers are held against AWS's models of its APIs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.emulator.api.models import (
    InvalidAnswerError,
    InvalidRequestError,
    check_answer,
    check_request,
)
from tests.local.emulator.code_deploy import Blue
from tests.local.emulator.delivery import project
from tests.local.emulator.driver import ACCOUNT, REGION, ROOT, Emulator, Registry, eventually
from tests.local.emulator.pipeline import approvals
from tests.local.emulator.rolling import RollingService

TARGETS = {
    "codebuild": "CodeBuild_20161006",
    "codepipeline": "CodePipeline_20150709",
    "ecr": "AmazonEC2ContainerRegistry_V20150921",
    "ecs": "AmazonEC2ContainerServiceV20141113",
}


@pytest.mark.parametrize(
    ("service", "operation", "request_", "code", "message"),
    [
        (
            "codepipeline",
            "GetPipeline",
            {"name": "a", "nam": "b"},
            "ValidationException",
            '"nam"',
        ),
        ("codepipeline", "GetPipeline", {}, "ValidationException", '"name"'),
        ("codepipeline", "GetPipeline", {"name": 1}, "SerializationException", "'name'"),
        (
            "codepipeline",
            "GetPipeline",
            {"name": "no spaces"},
            "ValidationException",
            "Value at 'name' failed to satisfy constraint: Member must satisfy regular expression",
        ),
        (
            "codepipeline",
            "GetPipeline",
            {"name": "a" * 101},
            "ValidationException",
            "length less than or equal to 100",
        ),
        (
            "codebuild",
            "StartBuild",
            {"projectName": "a", "computeTypeOverride": "HUGE"},
            "InvalidInputException",
            "Value at 'computeTypeOverride' failed to satisfy constraint: Member must satisfy enum",
        ),
        (
            "ecs",
            "UpdateService",
            {"service": "a", "deploymentConfiguration": {"minimumHealthPercent": 1}},
            "InvalidParameterException",
            '"minimumHealthPercent"',
        ),
        (
            "ecr",
            "DescribeImages",
            {"repositoryName": "a", "maxResults": 0},
            "InvalidParameterException",
            "'maxResults'",
        ),
    ],
)
def test_a_request_that_is_none_is_refused(
    emulator: Emulator,
    service: str,
    operation: str,
    request_: dict[str, Any],
    code: str,
    message: str,
) -> None:
    # Not through boto3, which refuses some of it on its own.
    status, answer, _ = emulator.http(
        *("POST", "/", json.dumps(request_).encode()),
        {
            "X-Amz-Target": f"{TARGETS[service]}.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/"
            f"{service}/aws4_request, SignedHeaders=host, Signature=none",
        },
    )
    assert (status, answer["__type"]) == (400, code)
    assert message in answer["message"]


def test_all_that_is_wrong_is_told_and_no_value() -> None:
    request = {"name": "secret word", "other": 1, "clientRequestToken": ""}
    with pytest.raises(InvalidRequestError, match="4 validation errors detected: ") as error:
        check_request("codepipeline", "StartPipelineExecution", request)
    assert "secret" not in str(error.value)


def test_null_is_what_is_not_there() -> None:
    check_request("codepipeline", "GetPipeline", {"name": "a", "version": None})
    with pytest.raises(InvalidRequestError, match='"name"'):
        check_request("codepipeline", "GetPipeline", {"name": None})


@pytest.mark.parametrize(
    ("operation", "answer", "message"),
    [
        ("StartPipelineExecution", {"executionId": "a"}, 'Unknown parameter in input: "execution'),
        ("StartPipelineExecution", {"pipelineExecutionId": 1}, "'pipelineExecutionId'"),
        (
            "GetPipelineExecution",
            {"pipelineExecution": {"status": "Done"}},
            "'pipelineExecution.status' failed to satisfy constraint: Member must satisfy enum",
        ),
        ("DisableStageTransition", {"done": True}, "done"),
        (
            "GetPipeline",
            {"pipeline": {"name": "a", "stages": []}},
            'Missing required parameter in pipeline: "roleArn"',
        ),
    ],
)
def test_an_answer_that_is_none_is_an_error(
    operation: str, answer: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidAnswerError, match=f"codepipeline:{operation}") as error:
        check_answer("codepipeline", operation, answer)
    assert message in str(error.value)


def test_sizes_are_said_of_requests_alone() -> None:
    empty = {"name": "a", "roleArn": "r", "stages": []}
    check_answer("codepipeline", "GetPipeline", {"pipeline": empty})


# Operations that change something, which the tests of their services call in the state that they
# need: the emulator checks their answers there.
ELSEWHERE = {
    "codebuild": {"BatchDeleteBuilds", "DescribeTestCases"},
    "codedeploy": {"PutLifecycleEventHookExecutionStatus", "StopDeployment"},
    "codepipeline": {"RetryStageExecution", "RollbackStage"},
    "ecr": {
        *("BatchDeleteImage", "GetLifecyclePolicyPreview", "PutImage"),
        *("StartImageScan", "StartLifecyclePolicyPreview"),
    },
    "ecs": {
        *("ContinueServiceDeployment", "CreateTaskSet", "DeleteTaskSet", "DescribeTaskSets"),
        *("StopServiceDeployment", "UpdateServicePrimaryTaskSet", "UpdateTaskSet"),
    },
}
_OPERATIONS = """
import json, sys
from pathlib import Path
from local.emulator import server
from local.emulator.settings import Settings
settings = Settings(port=1, state=Path(sys.argv[1]))
server._configure(settings)
from ministack import app
from ministack.services import ecs
from local.emulator.cloud import application
from local.emulator.service import Service
application(settings)
handlers = app.SERVICE_HANDLERS.items()
services = {name: getattr(handler, "__self__", None) for name, handler in handlers}
ours = {name: [*each._operations] for name, each in services.items() if isinstance(each, Service)}
ours["ecs"] = [n for n, each in ecs._ACTION_MAP.items() if each.__module__.startswith("local.")]
print(json.dumps(ours))
"""


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The operations that code of ours answers, of every service."""
    folder = tmp_path_factory.mktemp("operations")
    printed = subprocess.run(
        [sys.executable, "-c", _OPERATIONS, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = {name: set(operations) for name, operations in json.loads(printed).items()}
    return {name: operations for name, operations in found.items() if operations}


def test_every_operation_is_one_of_aws(ours: dict[str, set[str]]) -> None:
    assert {"codebuild", "codedeploy", "codepipeline", "ecr", "ecs"} <= ours.keys()
    for service, operations in ours.items():
        if service != "ecr-local":  # keeps the state of ecr's
            known = boto3.session.Session().client(service, region_name=REGION).meta
            assert operations <= set(known.service_model.operation_names), service


@pytest.fixture
def called(emulator: Emulator) -> dict[str, set[str]]:
    """The operations that were answered to the clients of the emulator, by service."""
    answered: dict[str, set[str]] = {}

    def note(http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code == 200:
            answered.setdefault(model.service_model.service_name, set()).add(model.name)

    for service in (
        *(*TARGETS, "codecommit", "codedeploy", *CONNECTIONS),
        "application-autoscaling",
    ):
        emulator.client(service).meta.events.register("after-call", note)
    return answered


CONNECTIONS = ("codeconnections", "codestar-connections")


def test_what_every_operation_answers_is_an_answer_of_aws(
    emulator: Emulator, called: dict[str, set[str]], ours: dict[str, set[str]], tmp_path: Path
) -> None:
    stories: list[Callable[[Emulator], None]] = [
        *(_release, _build, _shift, _roll, _push, _commit, _others)
    ]
    for story in stories:
        story(emulator)
    for service, operations in ours.items():
        if service == "ecr-local":
            continue
        model = emulator.client(service).meta.service_model
        for operation in operations - called.get(service, set()) - ELSEWHERE.get(service, set()):
            shape = model.operation_model(operation).output_shape
            assert not (shape and shape.members), f"{service}:{operation} was not called"


def _release(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    execution, api, name = pipeline.push(), pipeline.api, pipeline.name
    pipeline.pass_gate(execution)
    pipeline.stage("Gate")
    api.list_action_executions(pipelineName=name)
    api.list_rule_executions(pipelineName=name)
    api.list_pipeline_executions(pipelineName=name)
    api.stop_pipeline_execution(
        pipelineName=name, pipelineExecutionId=execution, abandon=True, reason="enough"
    )
    assert pipeline.end(execution) == "Stopped"
    pipeline.start()
    arn = api.get_pipeline(name=name)["metadata"]["pipelineArn"]
    api.list_pipelines()
    api.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "b"}])
    api.list_tags_for_resource(resourceArn=arn)
    api.untag_resource(resourceArn=arn, tagKeys=["a"])
    emulator.client("codeconnections").get_connection(ConnectionArn=pipeline.connection)


def _build(emulator: Emulator) -> None:
    api = emulator.client("codebuild")
    spec = {"version": 0.2, "phases": {"build": {"commands": ["sleep 60"]}}}
    name = emulator.new_name("project")
    made = project(json.dumps(spec), Name=name, Source={"Type": "NO_SOURCE"})
    emulator.deploy({"Resources": {"Build": made}})
    (known,) = api.batch_get_projects(names=[name])["projects"]
    copy = {key: known[key] for key in ("source", "artifacts", "environment", "serviceRole")}
    api.create_project(name=f"{name}-copy", **copy)
    api.update_project(name=f"{name}-copy", description="a copy")
    api.delete_project(name=f"{name}-copy")
    api.list_projects()
    build = api.start_build(projectName=name)["build"]["id"]
    api.list_builds()
    api.list_builds_for_project(projectName=name)
    api.stop_build(id=build)
    eventually(lambda: api.batch_get_builds(ids=[build])["builds"][0]["buildComplete"])
    nowhere = {"exportConfigType": "NO_EXPORT"}
    group = api.create_report_group(name=f"{name}-tests", type="TEST", exportConfig=nowhere)
    arn = group["reportGroup"]["arn"]
    api.list_report_groups()
    api.list_reports()
    api.list_reports_for_report_group(reportGroupArn=arn)
    api.batch_get_report_groups(reportGroupArns=[arn])
    api.batch_get_reports(reportArns=[f"{arn}:absent"])
    api.delete_report_group(arn=arn)


def _shift(emulator: Emulator) -> None:
    blue = Blue(emulator)
    deployment = blue.deploy()
    assert blue.ended(deployment)["status"] == "Succeeded"
    api, application = blue.api, {"applicationName": blue.group["applicationName"]}
    targets = api.list_deployment_targets(deploymentId=deployment)["targetIds"]
    api.get_deployment_target(deploymentId=deployment, targetId=targets[0])
    api.batch_get_deployment_targets(deploymentId=deployment, targetIds=targets)
    api.batch_get_deployments(deploymentIds=[deployment])
    api.list_deployments(**blue.group)
    api.get_application(**application)
    api.list_applications()
    api.get_deployment_group(**blue.group)
    api.list_deployment_groups(**application)
    api.get_deployment_config(deploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
    api.list_deployment_configs()
    revision = blue.revision(blue.app_spec(blue.definition()))
    api.register_application_revision(**application, revision=revision)
    api.get_application_revision(**application, revision=revision)


def _roll(emulator: Emulator) -> None:
    service = RollingService(emulator)
    service.release("good:2")
    assert service.ended()["status"] == "SUCCESSFUL"
    ecs = service.ecs
    ecs.describe_task_definition(taskDefinition=service.name)
    revision = service.deployments()[0]["targetServiceRevision"]["arn"]
    ecs.describe_service_revisions(serviceRevisionArns=[revision])
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    (task,) = ecs.run_task(
        cluster=service.name,
        taskDefinition=service.name,
        launchType="FARGATE",
        networkConfiguration=network,
    )["tasks"]
    ecs.stop_task(cluster=service.name, task=task["taskArn"])
    ecs.delete_service(cluster=service.name, service=service.name, force=True)
    ecs.deregister_task_definition(taskDefinition=f"{service.name}:1")
    ecs.delete_task_definitions(taskDefinitions=[f"{service.name}:1"])


def _push(emulator: Emulator) -> None:
    name, ecr = emulator.new_name("repository"), emulator.client("ecr")
    ecr.create_repository(repositoryName=name, imageScanningConfiguration={"scanOnPush": True})
    ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability="IMMUTABLE")
    assert Registry(emulator, name).push("one")[0] == 201
    image = {"imageTag": "one"}
    ecr.describe_repositories(repositoryNames=[name])
    ecr.list_images(repositoryName=name)
    ecr.describe_images(repositoryName=name)
    ecr.batch_get_image(repositoryName=name, imageIds=[image])
    ecr.describe_image_scan_findings(repositoryName=name, imageId=image)


def _commit(emulator: Emulator) -> None:
    name, api = emulator.new_name("code"), emulator.client("codecommit")
    made = api.create_repository(repositoryName=name, repositoryDescription="code")
    api.get_repository(repositoryName=name)
    api.list_repositories()
    api.list_tags_for_resource(resourceArn=made["repositoryMetadata"]["Arn"])
    files = [{"filePath": "a", "fileContent": b"text"}]
    on_main = {"repositoryName": name, "branchName": "main"}
    commit = api.create_commit(**on_main, putFiles=files)["commitId"]
    api.get_branch(**on_main)
    api.get_commit(repositoryName=name, commitId=commit)
    api.delete_repository(repositoryName=name)


def _others(emulator: Emulator) -> None:
    for service in CONNECTIONS:
        api = emulator.client(service)
        connection = api.list_connections()["Connections"][0]["ConnectionArn"]
        api.get_connection(ConnectionArn=connection)
        api.list_tags_for_resource(ResourceArn=connection)
    scaling = emulator.client("application-autoscaling")
    scaling.describe_scalable_targets(ServiceNamespace="ecs")
    scaling.describe_scaling_policies(ServiceNamespace="ecs")
    target = f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/1"
    scaling.list_tags_for_resource(ResourceARN=target)
