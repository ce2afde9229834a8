import io
import json
import re
import secrets
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import (
    DEFINITIONS,
    action,
    approval,
    ecs_deploy,
    ecs_resources,
    pipeline_template,
    project,
    source,
)
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually, packed, queue
from tests.local.emulator.pipeline import Pipeline, approvals


def build(buildspec: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Build": project(json.dumps({"version": 0.2, **buildspec}), **more)}


BUILD = action(
    "Build",
    "CodeBuild",
    {
        "ProjectName": {"Ref": "Build"},
        "EnvironmentVariables": '[{"name":"M","value":"#{variables.mode}"}]',
    },
    name="Build",
    inputs=["Source"],
    outputs=["Built"],
    Namespace="BuildVariables",
)


def commands(*lines: str) -> dict[str, Any]:
    return {"phases": {"build": {"commands": list(lines)}}}


def test_a_push_goes_through_source_and_build_to_a_deployment(emulator: Emulator) -> None:
    buildspec = {
        **commands(
            "export IMAGE=registry/app:$CODEBUILD_RESOLVED_SOURCE_VERSION",
            f"""printf '[{{"name":"app","imageUri":"%s"}}]' $IMAGE > {DEFINITIONS}""",
        ),
        "env": {"exported-variables": ["IMAGE"]},
        "artifacts": {"files": [DEFINITIONS]},
    }
    deploy = ecs_deploy() | {"InputArtifacts": [{"Name": "Built"}]}
    pipeline = Pipeline(
        emulator,
        {"Build": [BUILD], "Deploy": [deploy]},
        {**build(buildspec), **ecs_resources()},
        Variables=[{"Name": "mode", "DefaultValue": "quick"}],
    )
    commit, (execution,) = emulator.push(pipeline.repository, {"a.txt": "a"})

    assert pipeline.end(execution) == "Succeeded"
    actions = pipeline.actions(execution)
    image = f"registry/app:{commit}"
    assert actions["Build"]["output"]["outputVariables"] == {"IMAGE": image}
    variables = actions["Source"]["output"]["outputVariables"]
    assert variables["CommitId"] == commit
    assert variables["FullRepositoryName"] == pipeline.repository
    assert (variables["BranchName"], variables["CommitMessage"]) == ("main", "a message")
    assert variables["ConnectionArn"] == pipeline.connection
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", variables["AuthorDate"])

    cluster, service = (
        actions["Deploy"]["input"]["resolvedConfiguration"][key]
        for key in ("ClusterName", "ServiceName")
    )
    ecs = emulator.client("ecs")
    (found,) = ecs.describe_services(cluster=cluster, services=[service])["services"]
    described = ecs.describe_task_definition(
        taskDefinition=found["taskDefinition"], include=["TAGS"]
    )
    definition = described["taskDefinition"]
    app, sidecar = definition["containerDefinitions"]
    assert (app["image"], sidecar["image"]) == (image, "sidecar:1")
    assert definition["revision"] == 2
    assert {"key": "owner", "value": "team"} in described["tags"]
    # All else is as it was in the revision that the service ran before.
    before = ecs.describe_task_definition(taskDefinition=f"{definition['family']}:1")[
        "taskDefinition"
    ]
    before["containerDefinitions"][0]["image"] = image
    for key in ("taskDefinitionArn", "revision", "registeredAt"):
        del before[key], definition[key]
    assert definition == before
    assert definition["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert app["secrets"] == [{"name": "KEY", "valueFrom": "/key"}]
    assert app["dockerLabels"] == {"Some.Label": "1"}
    assert app["logConfiguration"]["secretOptions"] == [{"name": "o", "valueFrom": "/o"}]


def test_artifacts_are_zips_in_the_artifact_bucket(emulator: Emulator) -> None:
    pipeline = Pipeline(
        emulator,
        {"Build": [BUILD]},
        build({**commands("mkdir out", "cp a.sh out/"), "artifacts": {"files": ["out/a.sh"]}}),
        Name="a-pipeline-with-a-long-name" + secrets.token_hex(2),
        Variables=[{"Name": "mode", "DefaultValue": "quick"}],
    )
    execution = pipeline.push({"a.sh": "echo"})
    assert pipeline.end(execution) == "Succeeded"
    (made,) = pipeline.actions(execution)["Build"]["output"]["outputArtifacts"]
    place = made["s3location"]
    assert (made["name"], place["bucket"]) == ("Built", pipeline.bucket)
    assert re.fullmatch(r"a-pipeline-with-a-lo/Built/[A-Za-z0-9]{7}", place["key"])
    content = emulator.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])
    with zipfile.ZipFile(io.BytesIO(content["Body"].read())) as archive:
        assert archive.namelist() == ["out/a.sh"]


def test_a_failing_build_fails_the_execution_and_says_why(emulator: Emulator) -> None:
    pipeline = Pipeline(
        emulator,
        {"Build": [BUILD], "Gate": [approval()]},
        build(commands("echo about to break", "exit 3")),
        Variables=[{"Name": "mode", "DefaultValue": "quick"}],
    )
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    error = pipeline.error(execution, "Build")
    assert error["code"] == "JobFailed"
    assert "Phase: BUILD, Code: COMMAND_EXECUTION_ERROR" in error["message"]
    assert "exit status 3" in error["message"]
    assert "about to break" not in error["message"]  # the log is in CloudWatch Logs alone
    assert "Approve" not in pipeline.actions(execution)
    assert pipeline.stage("Build")["latestExecution"]["status"] == "Failed"
    build_id = pipeline.actions(execution)["Build"]["output"]["executionResult"][
        "externalExecutionId"
    ]
    (found,) = emulator.client("codebuild").batch_get_builds(ids=[build_id])["builds"]
    assert found["initiator"] == f"codepipeline/{pipeline.name}"
    assert found["sourceVersion"].startswith(f"arn:aws:s3:::{pipeline.bucket}/")


@pytest.mark.parametrize(
    ("files", "configuration", "message"),
    [
        ({"other": "x"}, {}, "Did not find the image definition file imagedefinitions.json"),
        ({"other": "x"}, {"FileName": "mine.json"}, "image definition file mine.json"),
        ({DEFINITIONS: "{"}, {}, "invalid JSON"),
        ({DEFINITIONS: "{}"}, {}, "must be a list"),
        ({DEFINITIONS: '[{"name": "app"}]'}, {}, "without the text 'imageUri'"),
        ({DEFINITIONS: " " * 102_401 + "[]"}, {}, "limit is 100 KB"),
        (
            {DEFINITIONS: '[{"name": "web", "imageUri": "i"}]'},
            {},
            "The AWS ECS container web does not exist",
        ),
        (
            {DEFINITIONS: '[{"name": "app", "imageUri": "i"}]'},
            {"ServiceName": "absent"},
            "The AWS ECS service absent does not exist",
        ),
    ],
)
def test_a_deploy_action_refuses_what_it_cannot_deploy(
    emulator: Emulator, files: dict[str, str], configuration: dict[str, str], message: str
) -> None:
    pipeline = Pipeline(emulator, {"Deploy": [ecs_deploy(**configuration)]}, ecs_resources())
    execution = pipeline.push(files)
    assert pipeline.end(execution) == "Failed"
    error = pipeline.error(execution, "Deploy")
    assert message in error["message"]
    assert error["code"] == "ConfigurationError"


def test_a_newer_execution_supersedes_one_that_waits(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    inside = pipeline.push()
    token = pipeline.token("Gate", inside)
    waiting = pipeline.push()
    eventually(lambda: pipeline.stage("Gate")["inboundExecutions"])
    newest = pipeline.push()
    assert pipeline.end(waiting) == "Superseded"
    pipeline.answer("Gate", token)
    assert pipeline.token("Gate", newest)
    assert pipeline.status(inside) == "InProgress"


def test_queued_executions_go_one_after_the_other(emulator: Emulator) -> None:
    pipeline = approvals(emulator, ExecutionMode="QUEUED")
    executions = [pipeline.push()]
    token = pipeline.token("Gate", executions[0])
    for count in (1, 2):
        executions.append(pipeline.push())
        eventually(lambda count=count: len(pipeline.stage("Gate")["inboundExecutions"]) == count)
    for execution in executions:
        pipeline.answer(
            "Gate", token if execution == executions[0] else pipeline.token("Gate", execution)
        )
        pipeline.answer("After", pipeline.token("After", execution), name="Last")
        assert pipeline.end(execution) == "Succeeded"


def test_actions_of_one_run_order_go_in_parallel(emulator: Emulator) -> None:
    second = approval("Second") | {"RunOrder": 2}
    pipeline = Pipeline(emulator, {"Gate": [approval("A"), approval("B"), second]})
    execution = pipeline.push()

    def tokens() -> dict[str, str] | None:
        found = {
            each["actionName"]: each["latestExecution"]["token"]
            for each in pipeline.stage("Gate")["actionStates"]
            if each.get("latestExecution", {}).get("token")
        }
        return found if len(found) == 2 else None

    found = eventually(tokens)
    assert found.keys() == {"A", "B"}
    pipeline.answer("Gate", found["A"], "Rejected", name="A")
    pipeline.answer("Gate", found["B"], name="B")
    assert pipeline.end(execution) == "Failed"
    assert "Second" not in pipeline.actions(execution)
    assert pipeline.actions(execution)["B"]["status"] == "Succeeded"


def test_a_rejected_approval_fails_and_cannot_be_answered_again(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    execution = pipeline.push()
    token = pipeline.token("Gate", execution)
    pipeline.answer("Gate", token, "Rejected")
    assert pipeline.end(execution) == "Failed"
    assert "because" in pipeline.error(execution, "Approve")["message"]
    with pytest.raises(ClientError, match="ApprovalAlreadyCompletedException"):
        pipeline.answer("Gate", token)
    with pytest.raises(ClientError, match="InvalidApprovalTokenException"):
        pipeline.answer("Gate", "4f6dd30c-1d3b-4e2c-9a4f-3a5a8e6f6b11")


def test_an_abandoned_execution_stops_at_once(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    execution = pipeline.push()
    pipeline.token("Gate", execution)
    stop = {"pipelineName": pipeline.name, "pipelineExecutionId": execution}
    pipeline.api.stop_pipeline_execution(**stop, abandon=True, reason="enough")
    assert pipeline.end(execution) == "Stopped"
    assert pipeline.execution(execution)["statusSummary"] == "enough"
    assert pipeline.actions(execution)["Approve"]["status"] == "Abandoned"
    with pytest.raises(ClientError, match="PipelineExecutionNotStoppableException"):
        pipeline.api.stop_pipeline_execution(**stop)


def test_an_abandoned_build_is_stopped(emulator: Emulator) -> None:
    pipeline = Pipeline(
        emulator,
        {"Build": [BUILD]},
        build(commands("echo started", "sleep 600")),
        Variables=[{"Name": "mode", "DefaultValue": "quick"}],
    )
    execution = pipeline.push()

    def build_id() -> str | None:
        found = pipeline.actions(execution).get("Build", {}).get("output", {})
        external: str | None = found.get("executionResult", {}).get("externalExecutionId")
        return external

    started = eventually(build_id)
    pipeline.api.stop_pipeline_execution(
        pipelineName=pipeline.name, pipelineExecutionId=execution, abandon=True
    )
    assert pipeline.end(execution) == "Stopped"
    codebuild = emulator.client("codebuild")
    eventually(
        lambda: codebuild.batch_get_builds(ids=[started])["builds"][0]["buildStatus"] == "STOPPED"
    )


def test_a_stopped_execution_finishes_the_action_that_runs(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    execution = pipeline.push()
    token = pipeline.token("Gate", execution)
    pipeline.api.stop_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=execution)
    assert pipeline.status(execution) == "Stopping"
    pipeline.answer("Gate", token)
    assert pipeline.end(execution) == "Stopped"
    assert "Last" not in pipeline.actions(execution)


def test_a_failed_stage_is_retried_with_the_same_execution(emulator: Emulator) -> None:
    pipeline = Pipeline(emulator, {"Deploy": [ecs_deploy()]}, ecs_resources())
    execution = pipeline.push({DEFINITIONS: '[{"name": "app", "imageUri": "new:2"}]'})
    assert pipeline.end(execution) == "Succeeded"
    retry = {"pipelineName": pipeline.name, "stageName": "Deploy", "retryMode": "FAILED_ACTIONS"}
    with pytest.raises(ClientError, match="StageNotRetryableException"):
        pipeline.api.retry_stage_execution(**retry, pipelineExecutionId=execution)

    gate = approvals(emulator)
    execution = gate.push()
    gate.answer("Gate", gate.token("Gate", execution), "Rejected")
    assert gate.end(execution) == "Failed"
    gate.api.retry_stage_execution(
        pipelineName=gate.name,
        stageName="Gate",
        retryMode="FAILED_ACTIONS",
        pipelineExecutionId=execution,
    )
    gate.answer("Gate", gate.token("Gate", execution))
    gate.answer("After", gate.token("After", execution), name="Last")
    assert gate.end(execution) == "Succeeded"


def test_a_disabled_transition_holds_executions_back(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    where = {"pipelineName": pipeline.name, "stageName": "Gate", "transitionType": "Inbound"}
    pipeline.api.disable_stage_transition(**where, reason="freeze")
    execution = pipeline.push()
    eventually(lambda: pipeline.stage("Gate")["inboundExecutions"])
    assert not pipeline.stage("Gate")["inboundTransitionState"]["enabled"]
    pipeline.api.enable_stage_transition(**where)
    assert pipeline.token("Gate", execution)


def test_starting_by_hand_takes_the_newest_commit_or_a_given_one(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    nothing = pipeline.start()
    assert pipeline.end(nothing) == "Failed"
    assert "Nothing was pushed to branch 'main'" in pipeline.error(nothing, "Source")["message"]
    first, _ = emulator.push(pipeline.repository, {"a": "1"})
    second, _ = emulator.push(pipeline.repository, {"a": "2"})

    def commit(execution: str) -> str:
        eventually(lambda: pipeline.execution(execution).get("artifactRevisions"))
        return str(pipeline.execution(execution)["artifactRevisions"][0]["revisionId"])

    assert commit(pipeline.start()) == second
    revision = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": first}
    assert commit(pipeline.start(sourceRevisions=[revision])) == first


def test_pushes_start_only_the_pipelines_that_wait_for_them(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    assert emulator.push(pipeline.repository, {"a": "b"}, branch="other")[1] == []
    assert emulator.push("org/unrelated", {"a": "b"})[1] == []
    repository = emulator.new_name("org/quiet")
    approvals(emulator, source=source(repository, DetectChanges="false"))
    assert emulator.push(repository, {"a": "b"})[1] == []


def test_triggers_filter_by_branch_and_path(emulator: Emulator) -> None:
    repository = emulator.new_name("org/mono")
    push_filter = {
        "Branches": {"Includes": ["release/**"], "Excludes": ["release/old*"]},
        "FilePaths": {"Includes": ["service/**"]},
    }
    pipeline = approvals(
        emulator,
        source=source(repository, DetectChanges="false"),
        Triggers=[
            {
                "ProviderType": "CodeStarSourceConnection",
                "GitConfiguration": {"SourceActionName": "Source", "Push": [push_filter]},
            }
        ],
    )
    files = {"service/a": "1", "docs/a": "1"}
    assert emulator.push(repository, files, branch="main")[1] == []
    assert emulator.push(repository, files, branch="release/old-1")[1] == []
    assert emulator.push(repository, files, branch="release/2/a")[1]
    assert emulator.push(repository, files | {"docs/a": "2"}, branch="release/2/a")[1] == []
    commit, (execution,) = emulator.push(
        repository, files | {"service/a": "2"}, branch="release/2/a"
    )
    eventually(lambda: pipeline.execution(execution).get("artifactRevisions"))
    assert pipeline.actions(execution)["Source"]["output"]["outputVariables"]["CommitId"] == commit
    assert pipeline.execution(execution)["trigger"]["triggerType"] == "WebhookV2"


def test_codecommit_pushes_start_pipelines_through_rules(emulator: Emulator) -> None:
    repository = emulator.new_name("code")
    configuration = {
        "RepositoryName": repository,
        "BranchName": "main",
        "PollForSourceChanges": "false",
    }
    first = action("Source", "CodeCommit", configuration, name="Source", outputs=["Source"])
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {
                "source": ["aws.codecommit"],
                "detail": {"repositoryName": [repository], "referenceName": ["main"]},
            },
            "Targets": [
                {
                    "Id": "pipeline",
                    "Arn": {"Fn::Sub": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:${{Pipeline}}"},
                    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/anything",
                }
            ],
        },
    }
    pipeline = approvals(emulator, resources={"Rule": rule}, source=first)
    assert emulator.push(repository, {"a": "b"})[1] == []  # not by the push itself
    started = eventually(
        lambda: pipeline.api.list_pipeline_executions(pipelineName=pipeline.name)[
            "pipelineExecutionSummaries"
        ]
    )
    assert started[0]["trigger"]["triggerType"] == "CloudWatchEvent"


def test_pipeline_variables_reach_the_build(emulator: Emulator) -> None:
    pipeline = Pipeline(
        emulator,
        {"Build": [BUILD | {"OutputArtifacts": []}]},
        build({**commands("export SEEN=$M"), "env": {"exported-variables": ["SEEN"]}}),
        Variables=[{"Name": "mode", "DefaultValue": "quick"}],
    )
    emulator.push(pipeline.repository, {"a": "b"})
    execution = pipeline.start(variables=[{"name": "mode", "value": "thorough"}])
    assert pipeline.end(execution) == "Succeeded"
    run = pipeline.actions(execution)["Build"]
    assert run["output"]["outputVariables"] == {"SEEN": "thorough"}
    assert '"#{variables.mode}"' in run["input"]["configuration"]["EnvironmentVariables"]
    assert '"thorough"' in run["input"]["resolvedConfiguration"]["EnvironmentVariables"]
    with pytest.raises(ClientError, match="declares no variable"):
        pipeline.start(variables=[{"name": "other", "value": "x"}])


def test_a_variable_that_no_action_gave_fails_the_action_that_uses_it(emulator: Emulator) -> None:
    gate = approval() | {"Configuration": {"CustomData": "#{SourceVariables.Nonsense}"}}
    pipeline = Pipeline(emulator, {"Gate": [gate]})
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    assert "#{SourceVariables.Nonsense}" in pipeline.error(execution, "Approve")["message"]


def test_state_changes_are_events(emulator: Emulator) -> None:
    sqs = emulator.client("sqs")
    pattern = {"source": ["aws.codepipeline", "aws.codebuild"]}
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": pattern,
            "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
        },
    }
    pipeline = Pipeline(
        emulator,
        {"Build": [BUILD]},
        {**build(commands("false")), **queue("Queue"), "Rule": rule},
        Variables=[{"Name": "mode", "DefaultValue": "quick"}],
    )
    url = next(
        each["PhysicalResourceId"]
        for each in emulator.client("cloudformation").list_stack_resources(
            StackName=pipeline.stack
        )["StackResourceSummaries"]
        if each["LogicalResourceId"] == "Queue"
    )
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    events: list[dict[str, Any]] = []

    def over() -> bool:
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        events.extend(json.loads(each["Body"]) for each in received.get("Messages", ()))
        return any(
            each["detail"].get("state") == "FAILED"
            and each["detail-type"].startswith("CodePipeline Pipeline")
            and each["detail"]["execution-id"] == execution
            for each in events
        )

    eventually(over)
    own = [each for each in events if each["detail"].get("execution-id") == execution]
    started = next(each for each in own if each["detail"]["state"] == "STARTED")
    assert started["resources"][0].endswith(f":{ACCOUNT}:{pipeline.name}")
    assert started["detail"]["execution-trigger"]["trigger-type"] == "WebhookV2"
    failed = next(
        each["detail"]
        for each in own
        if each["detail"].get("action") == "Build" and each["detail"]["state"] == "FAILED"
    )
    assert failed["type"]["provider"] == "CodeBuild"
    assert failed["execution-result"]["error-code"] == "JobFailed"
    assert "COMMAND_EXECUTION_ERROR" in failed["execution-result"]["external-execution-summary"]
    assert {each["detail"]["state"] for each in own if each["detail"].get("stage") == "Build"} == {
        "STARTED",
        "FAILED",
    }
    builds = [each["detail"] for each in events if each["source"] == "aws.codebuild"]
    assert {each["build-status"] for each in builds} >= {"IN_PROGRESS", "FAILED"}


FUNCTION = """
import json, boto3
def handler(event, context):
    job = event["CodePipeline.job"]
    parameters = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    client = boto3.client("codepipeline")
    if parameters == "break":
        raise RuntimeError("broken")
    if parameters == "refuse":
        details = {"type": "JobFailed", "message": "not today"}
        client.put_job_failure_result(jobId=job["id"], failureDetails=details)
    elif "continuationToken" not in job["data"]:
        client.put_job_success_result(jobId=job["id"], continuationToken="again")
    else:
        variables = {"token": job["data"]["continuationToken"]}
        client.put_job_success_result(jobId=job["id"], outputVariables=variables)
"""


@pytest.mark.parametrize(
    ("parameters", "status", "message"),
    [("go", "Succeeded", ""), ("refuse", "Failed", "not today"), ("break", "Failed", "broken")],
)
def test_functions_answer_for_their_action(
    emulator: Emulator, parameters: str, status: str, message: str
) -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/function",
            "Code": {"ZipFile": FUNCTION},
            "Timeout": 20,
        },
    }
    configuration = {"FunctionName": {"Ref": "Function"}, "UserParameters": parameters}
    invoke = action("Invoke", "Lambda", configuration, name="Call")
    pipeline = Pipeline(emulator, {"Call": [invoke]}, {"Function": function})
    execution = pipeline.push()
    assert pipeline.end(execution) == status
    run = pipeline.actions(execution)["Call"]["output"]
    if message:
        assert message in run["executionResult"]["errorDetails"]["message"]
    else:
        assert run["outputVariables"] == {"token": "again"}


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ({}, "at least two stages"),
        ({"Two": [source("org/other") | {"OutputArtifacts": [{"Name": "X"}]}]}, "first stage"),
        ({"Gate": [approval(), approval()]}, "'Approve' is not"),
        ({"Deploy": [ecs_deploy() | {"InputArtifacts": [{"Name": "Nowhere"}]}]}, "Nowhere"),
        ({"Deploy": [action("Deploy", "ECS", {}, inputs=["Source"])]}, "'ClusterName'"),
        ({"Deploy": [action("Deploy", "Imagined")]}, "Provider: 'Imagined'"),
        ({"Build": [BUILD | {"InputArtifacts": []}]}, "0 inputArtifacts"),
        ({"Gate": [approval() | {"Configuration": {"CustomData": "#{No.x}"}}]}, "namespace 'No'"),
        ({"Build": [BUILD]}, "does not declare"),
    ],
)
def test_a_wrong_pipeline_fails_its_stack(
    emulator: Emulator, stages: dict[str, Any], message: str
) -> None:
    repository = emulator.new_name("org/wrong")
    resources = {**ecs_resources(), **build(commands("true"))}
    template = pipeline_template({"Source": [source(repository)], **stages}, resources)
    name = emulator.new_name("wrong")
    assert emulator.deploy_anyhow(template, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(message in reason for reason in emulator.reasons(name)), emulator.reasons(name)


def test_an_update_makes_a_new_version_and_keeps_configuration_keys(emulator: Emulator) -> None:
    repository = emulator.new_name("org/code")
    template = pipeline_template({"Source": [source(repository)], "Gate": [approval()]})
    stack = emulator.deploy(template)
    name = emulator.outputs(stack)["Pipeline"]
    template["Resources"]["Pipeline"]["Properties"]["ExecutionMode"] = "QUEUED"
    template["Resources"]["Pipeline"]["Properties"]["Tags"] = [{"Key": "a", "Value": "b"}]
    emulator.deploy(template, stack)
    api = emulator.client("codepipeline")
    answer = api.get_pipeline(name=name)
    assert answer["pipeline"]["version"] == 2
    assert answer["pipeline"]["executionMode"] == "QUEUED"
    configuration = answer["pipeline"]["stages"][0]["actions"][0]["configuration"]
    assert configuration["FullRepositoryId"] == repository
    arn = answer["metadata"]["pipelineArn"]
    assert {"key": "a", "value": "b"} in api.list_tags_for_resource(resourceArn=arn)["tags"]
    emulator.client("cloudformation").delete_stack(StackName=stack)
    with pytest.raises(ClientError, match="PipelineNotFoundException"):
        eventually(lambda: api.get_pipeline(name=name) and None)


def test_a_deployment_that_does_not_come_up_is_rolled_back_and_fails_the_action(
    emulator: Emulator,
) -> None:
    resources = {
        **ecs_resources(),
        **queue("Queue"),
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {
                    "source": ["aws.ecs"],
                    "detail-type": ["ECS Deployment State Change"],
                    "resources": [{"Ref": "Service"}],
                },
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            },
        },
    }
    pipeline = Pipeline(emulator, {"Deploy": [ecs_deploy()]}, resources)

    def release(image: str) -> str:
        return pipeline.push({DEFINITIONS: json.dumps([{"name": "app", "imageUri": image}])})

    good = release("good:1")
    assert pipeline.end(good) == "Succeeded"
    assert emulator.local("POST", "broken-image", image="bad:2")[0] == 200
    bad = release("bad:2")
    assert pipeline.end(bad) == "Failed"
    assert "circuit breaker" in pipeline.error(bad, "Deploy")["message"]

    configuration = pipeline.actions(bad)["Deploy"]["input"]["resolvedConfiguration"]
    ecs = emulator.client("ecs")

    def image() -> str | None:
        (service,) = ecs.describe_services(
            cluster=configuration["ClusterName"], services=[configuration["ServiceName"]]
        )["services"]
        primary = next(each for each in service["deployments"] if each["status"] == "PRIMARY")
        if primary["rolloutState"] == "IN_PROGRESS":
            return None
        described = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
        found: str = described["taskDefinition"]["containerDefinitions"][0]["image"]
        return found

    assert eventually(image) == "good:1"
    resources_of_stack = emulator.client("cloudformation").list_stack_resources(
        StackName=pipeline.stack
    )["StackResourceSummaries"]
    url = next(
        each["PhysicalResourceId"]
        for each in resources_of_stack
        if each["LogicalResourceId"] == "Queue"
    )
    sqs = emulator.client("sqs")
    names: list[str] = []

    def has_failed() -> bool:
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        details = [json.loads(each["Body"])["detail"] for each in received.get("Messages", ())]
        names.extend(each["eventName"] for each in details)
        return "SERVICE_DEPLOYMENT_FAILED" in names

    eventually(has_failed)
    assert "SERVICE_DEPLOYMENT_COMPLETED" in names

    assert emulator.local("POST", "broken-image", image="bad:2", broken="false")[0] == 200
    assert pipeline.end(release("bad:2")) == "Succeeded"


def test_parallel_executions_do_not_wait_for_each_other(emulator: Emulator) -> None:
    pipeline = approvals(emulator, ExecutionMode="PARALLEL")
    executions = [pipeline.push(), pipeline.push()]

    def wait_for_approval() -> bool:
        return all("Approve" in pipeline.actions(each) for each in executions)

    eventually(wait_for_approval)
    assert {pipeline.status(each) for each in executions} == {"InProgress"}


def test_a_pending_connection_gives_no_source(new_emulator: Callable[..., Emulator]) -> None:
    pipeline = approvals(new_emulator())
    # Nor does the push start anything: the provider tells of it through the connection.
    assert pipeline.emulator.push(pipeline.repository, {"a": "b"})[1] == []
    execution = pipeline.start()
    assert pipeline.end(execution) == "Failed"
    message = pipeline.error(execution, "Source")["message"]
    assert "is PENDING, not AVAILABLE" in message
    assert "/_local/connections/complete" in message
    answer = pipeline.emulator.local("POST", "connections/complete", connection=pipeline.connection)
    assert answer[0] == 200
    assert pipeline.token("Gate", pipeline.start())


def test_one_commit_id_in_two_repositories_is_two_commits(emulator: Emulator) -> None:
    commit = "c" * 40
    contents = {}
    for text in ("one", "two"):
        repository = emulator.new_name("org/same")
        status, _ = emulator.local(
            *("POST", "push", packed({"a.txt": text})),
            repository=repository,
            branch="main",
            commit=commit,
        )
        assert status == 200
        contents[text] = repository
    for text, repository in contents.items():
        pipeline = approvals(emulator, source=source(repository))
        execution = pipeline.start()
        pipeline.token("Gate", execution)
        (made,) = pipeline.actions(execution)["Source"]["output"]["outputArtifacts"]
        place = made["s3location"]
        body = emulator.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])["Body"]
        with zipfile.ZipFile(io.BytesIO(body.read())) as archive:
            assert archive.read("a.txt").decode() == text


def test_the_same_request_starts_one_execution(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    pipeline.push()
    first = pipeline.start(clientRequestToken="token-1")
    assert pipeline.start(clientRequestToken="token-1") == first
    assert pipeline.start(clientRequestToken="token-2") != first
    assert pipeline.start() != pipeline.start()
