import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Match, Template

from container_pipelines import (
    Approval,
    ArtifactBucket,
    BuildProject,
    DriftDetector,
    EcrRepo,
    EcsRollingPipeline,
    ImagePointer,
    LoadBalancedService,
    OnFailure,
    PipelineControls,
    PushTrigger,
    ReleaseRecorder,
    Source,
)

PIPELINE = "AWS::CodePipeline::Pipeline"
Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]


@pytest.fixture
def make(
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
) -> Callable[..., EcsRollingPipeline]:
    def make(**options: Any) -> EcsRollingPipeline:
        if "service" not in options:
            options["service"] = make_service().service
        return EcsRollingPipeline(stack, "Release", source=source, build=build, **options)

    return make


@pytest.fixture
def imported(stack: cdk.Stack) -> ecs.IBaseService:
    return ecs.FargateService.from_fargate_service_attributes(
        stack,
        "Imported",
        service_name="my-service",
        cluster=ecs.Cluster.from_cluster_arn(
            stack,
            "MyCluster",
            stack.format_arn(service="ecs", resource="cluster", resource_name="my-cluster"),
        ),
    )


@pytest.fixture
def task_role(stack: cdk.Stack) -> iam.IRole:
    return iam.Role.from_role_arn(stack, "TaskRole", "arn:aws:iam::111122223333:role/ecsTaskRole")


def test_three_stages_hand_the_image_on(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    template: Callable[[cdk.Stack], Template],
) -> None:
    make(pipeline_name="my-pipeline")
    (pipeline,) = template(stack).find_resources(PIPELINE).values()
    properties = pipeline["Properties"]
    assert (properties["Name"], properties["PipelineType"]) == ("my-pipeline", "V2")
    source, build, deploy = (stage["Actions"][0] for stage in properties["Stages"])
    assert [stage["Name"] for stage in properties["Stages"]] == ["Source", "Build", "Deploy"]
    assert source["OutputArtifacts"] == build["InputArtifacts"]
    assert build["OutputArtifacts"] == deploy["InputArtifacts"]
    assert json.loads(build["Configuration"]["EnvironmentVariables"]) == [
        {"name": "CONTAINER_NAME", "type": "PLAINTEXT", "value": "app"},
        {"name": "RELEASE_IMAGE", "type": "PLAINTEXT", "value": "#{variables.IMAGE}"},
        {
            "name": "SOURCE_URL",
            "type": "PLAINTEXT",
            "value": "https://github.com/your-org/my-app",
        },
        {
            "name": "LIVE_IMAGE_PARAMETER",
            "type": "PLAINTEXT",
            "value": "/container-pipelines/my-app/image",
        },
        {
            "name": "PREVIOUS_IMAGE_PARAMETER",
            "type": "PLAINTEXT",
            "value": "/container-pipelines/my-app/image-previous",
        },
    ]
    assert deploy["ActionTypeId"]["Provider"] == "ECS"
    assert deploy["Configuration"]["DeploymentTimeout"] == 30


def test_controls_stand_between_the_build_and_the_deployment(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    template: Callable[[cdk.Stack], Template],
) -> None:
    make(controls=PipelineControls(gates=[Approval()], on_failure=OnFailure.ROLLBACK))
    (pipeline,) = template(stack).find_resources(PIPELINE).values()
    _, build, gate, deploy = pipeline["Properties"]["Stages"]
    assert [stage["Name"] for stage in (build, gate, deploy)] == ["Build", "Gate", "Deploy"]
    assert build["Actions"][0]["OutputArtifacts"] == deploy["Actions"][0]["InputArtifacts"]
    assert deploy["OnFailure"] == {"Result": "ROLLBACK"}


def test_controls_must_go_with_the_source(
    stack: cdk.Stack, build: BuildProject, make_service: Callable[..., LoadBalancedService]
) -> None:
    repository = codecommit.Repository.from_repository_name(stack, "Code", "my-app")
    with pytest.raises(ValueError, match=r"'controls.triggers' must be left out for a source"):
        EcsRollingPipeline(
            stack,
            "Release",
            source=Source.code_commit(repository=repository),
            build=build,
            service=make_service().service,
            controls=PipelineControls(triggers=[PushTrigger()]),
        )


def test_every_action_has_a_role_of_its_own_that_only_the_pipeline_takes(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    template: Callable[[cdk.Stack], Template],
) -> None:
    make()
    rendered = template(stack)
    (pipeline,) = rendered.find_resources(PIPELINE).values()
    actions = [a for stage in pipeline["Properties"]["Stages"] for a in stage["Actions"]]
    roles = [action["RoleArn"]["Fn::GetAtt"][0] for action in actions]
    assert len(set(roles)) == 4
    own = pipeline["Properties"]["RoleArn"]
    for role in roles:
        trust = rendered.find_resources("AWS::IAM::Role")[role]["Properties"]
        (statement,) = trust["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"AWS": own}


def test_the_pipeline_takes_its_roles_and_hands_artifacts_on(
    stack: cdk.Stack, make: Callable[..., EcsRollingPipeline], statements: Statements
) -> None:
    make()
    bucket, objects, *assumes = statements(stack, "ReleaseRole")
    assert {action.startswith("s3:GetBucket") for action in bucket["Action"]} == {True}
    assert "s3:DeleteObject" not in objects["Action"]
    assert not [action for action in objects["Action"] if "*" in action]
    assert [assume["Action"] for assume in assumes] == ["sts:AssumeRole"] * 4
    assert {assume["Resource"]["Fn::GetAtt"][0][:17] for assume in assumes} == {
        "ReleaseSourceRole",
        "ReleaseBuildRoleC",
        "ReleaseRecordRole",
        "ReleaseDeployRole",
    }


def test_the_deploy_role_is_bound_to_service_family_cluster_and_roles(
    stack: cdk.Stack, make: Callable[..., EcsRollingPipeline], statements: Statements
) -> None:
    make()
    by_action = {
        json.dumps(statement["Action"]): statement
        for statement in statements(stack, "ReleaseDeployRole")
    }
    for action in ("ecs:DescribeServices", "ecs:UpdateService"):
        resource = by_action[json.dumps(action)]["Resource"]
        assert resource["Fn::Join"][1][-1] == {"Fn::GetAtt": ["Service9571FDD8", "Name"]}
    tag = by_action['"ecs:TagResource"']
    assert tag["Resource"]["Fn::Join"][1][-1].startswith(":task-definition/StackService")
    assert tag["Condition"] == {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}}
    pass_role = by_action['"iam:PassRole"']
    assert pass_role["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }
    assert sorted(arn["Fn::GetAtt"][0][:20] for arn in pass_role["Resource"]) == [
        "ServiceExecutionRole",
        "ServiceTaskRoleC7213",
    ]
    unbound = {action for action, statement in by_action.items() if statement["Resource"] == "*"}
    # Whether AWS takes a resource for the second is not known; iam:PassRole is its boundary.
    assert unbound == {
        '"ecs:DescribeTaskDefinition"',
        '"ecs:RegisterTaskDefinition"',
        '"ecs:ListTasks"',
    }
    assert "ecs:cluster" in by_action['"ecs:ListTasks"']["Condition"]["ArnEquals"]


@pytest.mark.parametrize("has_shell", [False, True])
def test_an_update_deploys_the_own_family_and_opens_no_shell(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    make_service: Callable[..., LoadBalancedService],
    statements: Statements,
    has_shell: bool,
) -> None:
    options = {"enable_execute_command": has_shell, "read_only_root_filesystem": not has_shell}
    made = make_service(**options)
    make(service=made.service)
    found = statements(stack, "ReleaseDeployRole")
    (update,) = [s for s in found if s["Action"] == "ecs:UpdateService"]
    family = made.task_definition.family
    arn, *names = update["Condition"]["StringLikeIfExists"]["ecs:task-definition"]
    assert names == [family, f"{family}:*"]
    assert arn["Fn::Join"][1][-1].endswith(f":task-definition/{family}:*")
    # Where people may open one, AWS might say so of every update: the release must go on.
    shell = {"StringNotEqualsIgnoreCase": {"ecs:enable-execute-command": "true"}}
    assert (shell.items() <= update["Condition"].items()) is not has_shell


def test_the_build_role_starts_this_project_alone(
    stack: cdk.Stack, make: Callable[..., EcsRollingPipeline], statements: Statements
) -> None:
    make()
    (start,) = statements(stack, "ReleaseBuildRole")
    assert start["Action"] == [
        "codebuild:BatchGetBuilds",
        "codebuild:StartBuild",
        "codebuild:StopBuild",
    ]
    assert start["Resource"] == {"Fn::GetAtt": ["BuildProject943F6A6A", "Arn"]}


def test_its_own_bucket_is_private_encrypted_tls_only_and_cleans_up(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    template: Callable[[cdk.Stack], Template],
) -> None:
    make()
    rendered = template(stack)
    rendered.has_resource(
        "AWS::S3::Bucket",
        {
            "DeletionPolicy": "Retain",
            "Properties": {
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                    ]
                },
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
                "LifecycleConfiguration": {
                    "Rules": [Match.object_like({"ExpirationInDays": 90, "Status": "Enabled"})]
                },
            },
        },
    )
    rendered.has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Effect": "Deny",
                                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                            }
                        )
                    ]
                )
            }
        },
    )
    rendered.resource_count_is("AWS::KMS::Key", 0)


def test_a_shared_bucket_with_a_key_is_used_as_it_is(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    statements: Statements,
    template: Callable[[cdk.Stack], Template],
) -> None:
    bucket = ArtifactBucket(stack, "Shared", encryption_key=kms.Key(stack, "Key"))
    make(artifact_bucket=bucket)
    rendered = template(stack)
    rendered.resource_count_is("AWS::S3::Bucket", 1)
    rendered.has_resource_properties(
        PIPELINE, {"ArtifactStore": {"EncryptionKey": {"Type": "KMS"}}}
    )
    for role in ("ReleaseRole", "ReleaseSourceRole", "BuildRole"):
        assert any("kms:GenerateDataKey*" in s["Action"] for s in statements(stack, role)), role
    deploy = [s for s in statements(stack, "ReleaseDeployRole") if "kms:Decrypt" in s["Action"]]
    assert [s["Action"] for s in deploy] == ["kms:Decrypt"]


def test_an_imported_service_is_deployed_to(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    imported: ecs.IBaseService,
    task_role: iam.IRole,
    statements: Statements,
    template: Callable[[cdk.Stack], Template],
) -> None:
    make(
        service=imported,
        container_name="web",
        task_roles=[task_role],
        deployment_timeout=cdk.Duration.minutes(60),
    )
    (pipeline,) = template(stack).find_resources(PIPELINE).values()
    _, build, deploy = (stage["Actions"][0] for stage in pipeline["Properties"]["Stages"])
    assert deploy["Configuration"] == {
        "ClusterName": "my-cluster",
        "ServiceName": "my-service",
        "DeploymentTimeout": 60,
    }
    assert '"value":"web"' in build["Configuration"]["EnvironmentVariables"]
    found = statements(stack, "ReleaseDeployRole")
    (update,) = [s for s in found if "ecs:UpdateService" in s["Action"]]
    assert update["Resource"]["Fn::Join"][1][-1].endswith(":service/my-cluster/my-service")
    assert "Condition" not in update, "neither its family nor whether it has a shell is known"
    (pass_role,) = [s for s in found if s["Action"] == "iam:PassRole"]
    assert pass_role["Resource"] == "arn:aws:iam::111122223333:role/ecsTaskRole"
    (tag,) = [s for s in found if s["Action"] == "ecs:TagResource"]
    assert tag["Resource"]["Fn::Join"][1][-1].endswith(":task-definition/*:*")


def test_the_family_of_an_imported_service_narrows_the_role(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    imported: ecs.IBaseService,
    task_role: iam.IRole,
    statements: Statements,
) -> None:
    make(
        service=imported,
        container_name="web",
        task_roles=[task_role],
        task_definition_family="my-family",
    )
    found = statements(stack, "ReleaseDeployRole")
    (tag,) = [s for s in found if s["Action"] == "ecs:TagResource"]
    assert tag["Resource"]["Fn::Join"][1][-1].endswith(":task-definition/my-family:*")
    (update,) = [s for s in found if s["Action"] == "ecs:UpdateService"]
    _, *names = update["Condition"]["StringLikeIfExists"]["ecs:task-definition"]
    assert names == ["my-family", "my-family:*"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipeline_name": "my pipeline"}, "'pipeline_name' must be .* got 'my pipeline'"),
        ({"pipeline_name": "x" * 101}, "'pipeline_name' must be 1 to 100 characters"),
        ({"container_name": "web"}, "'container_name' must be a container of .* got 'web'"),
        (
            {"deployment_timeout": cdk.Duration.seconds(30)},
            "'deployment_timeout' must be from 1 minute .*, got 30 seconds; omit it to wait",
        ),
        ({"deployment_timeout": cdk.Duration.minutes(61)}, "'deployment_timeout'"),
        ({"deployment_timeout": cdk.Duration.seconds(90)}, "in whole minutes"),
    ],
)
def test_bad_input_is_rejected(
    make: Callable[..., EcsRollingPipeline], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_an_imported_service_needs_its_container_and_roles(
    make: Callable[..., EcsRollingPipeline], imported: ecs.IBaseService
) -> None:
    with pytest.raises(ValueError, match="'container_name' must be given for an imported service"):
        make(service=imported)
    with pytest.raises(ValueError, match="'task_roles' must be given for an imported service"):
        make(service=imported, container_name="web")


def test_a_service_without_a_container_is_rejected(
    stack: cdk.Stack, make: Callable[..., EcsRollingPipeline], platform: Any
) -> None:
    empty = ecs.FargateService(
        stack,
        "Empty",
        cluster=platform.cluster,
        task_definition=ecs.FargateTaskDefinition(stack, "Task"),
    )
    with pytest.raises(ValueError, match="must have a task definition with an essential container"):
        make(service=empty)


def test_nothing_is_left_for_a_security_check_to_find(
    stack: cdk.Stack, make: Callable[..., EcsRollingPipeline], nag: Callable[[cdk.Stack], list[str]]
) -> None:
    make()
    assert nag(stack) == []


def stage(template: Template, name: str) -> list[dict[str, Any]]:
    (pipeline,) = template.find_resources(PIPELINE).values()
    (found,) = [stage for stage in pipeline["Properties"]["Stages"] if stage["Name"] == name]
    return found["Actions"]


def test_without_a_pointer_nothing_is_recorded(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    own_service: ecs.FargateService,
    template: Callable[[cdk.Stack], Template],
) -> None:
    make(service=own_service)
    rendered = template(stack)
    assert [action["Name"] for action in stage(rendered, "Deploy")] == ["Deploy"]
    rendered.resource_count_is("AWS::Lambda::Function", 0)
    (build,) = stage(rendered, "Build")
    assert "PREVIOUS_IMAGE_PARAMETER" not in json.dumps(build["Configuration"])


def test_with_a_pointer_a_release_is_recorded_after_its_deployment(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    images: EcrRepo,
    template: Callable[[cdk.Stack], Template],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    bucket = ArtifactBucket.from_bucket_name(stack, "Bucket", "artifacts")
    make(image_pointer=images.image_pointer, artifact_bucket=bucket)
    deploy, record = stage(template(stack), "Deploy")
    assert (deploy["RunOrder"], record["RunOrder"]) == (1, 2)
    parameters = json.dumps(record["Configuration"]["UserParameters"])
    assert "/container-pipelines/my-app/image" in parameters
    assert "#{BuildVariables.IMAGE_URI}" in parameters
    (build,) = stage(template(stack), "Build")
    assert "/container-pipelines/my-app/image-previous" in json.dumps(build["Configuration"])
    (read,) = [s for s in statements(stack, "BuildRole") if s["Action"] == "ssm:GetParameter"]
    assert len(read["Resource"]) == 2
    assert "*" not in json.dumps(read["Resource"])
    assert nag(stack) == []


@pytest.mark.parametrize("given", ["construct", "service"])
def test_a_service_of_the_library_is_released_with_its_pointer(
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    make_service: Callable[..., LoadBalancedService],
    template: Callable[[cdk.Stack], Template],
    given: str,
) -> None:
    web = make_service()
    made = make(service=web if given == "construct" else web.service)
    assert (made.service, made.target_groups) == (web.service, (web.target_group,))
    deploy, record = stage(template(stack), "Deploy")
    assert deploy["Configuration"]["ServiceName"] == {"Fn::GetAtt": ["Service9571FDD8", "Name"]}
    assert "/container-pipelines/my-app/image" in json.dumps(record["Configuration"])
    assert made.drift_detector is not None


@pytest.mark.parametrize("given", ["construct", "service"])
def test_another_pointer_than_that_of_the_service_is_rejected(
    app: cdk.App,
    make: Callable[..., EcsRollingPipeline],
    make_service: Callable[..., LoadBalancedService],
    given: str,
) -> None:
    web = make_service()
    other = ImagePointer(cdk.Stack(app, "Other"), "Pointer", parameter_name="/other/image")
    with pytest.raises(ValueError, match=r"'image_pointer' must be the one that .*'app' reads"):
        make(service=web if given == "construct" else web.service, image_pointer=other)


def test_pipelines_share_recorder_and_drift_detector(
    app: cdk.App,
    stack: cdk.Stack,
    make: Callable[..., EcsRollingPipeline],
    images: EcrRepo,
    template: Callable[[cdk.Stack], Template],
) -> None:
    shared = cdk.Stack(app, "Shared")
    make(
        image_pointer=images.image_pointer,
        recorder=ReleaseRecorder(shared, "Recorder"),
        drift_detector=DriftDetector(shared, "DriftDetector"),
    )
    template(stack).resource_count_is("AWS::Lambda::Function", 0)


def test_a_recorder_without_a_pointer_is_rejected(
    stack: cdk.Stack, make: Callable[..., EcsRollingPipeline], own_service: ecs.FargateService
) -> None:
    with pytest.raises(ValueError, match="'recorder' must be given with 'image_pointer', got none"):
        make(service=own_service, recorder=ReleaseRecorder(stack, "Recorder"))
