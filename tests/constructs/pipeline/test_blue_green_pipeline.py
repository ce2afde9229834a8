import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from container_pipelines import (
    Approval,
    ArtifactBucket,
    BlueGreenPipeline,
    BuildProject,
    CodeDeployBlueGreen,
    DriftDetector,
    EcrRepo,
    EcsBlueGreen,
    EcsRollingPipeline,
    Engine,
    HookStage,
    HttpProbe,
    LoadBalancedService,
    OnFailure,
    Pause,
    PipelineAlarms,
    PipelineControls,
    ReleaseRecorder,
    Source,
    TrafficShift,
    ValidationHook,
    no_notifications,
)

PIPELINE = "AWS::CodePipeline::Pipeline"
GROUP = "AWS::CodeDeploy::DeploymentGroup"

MakePipeline = Callable[..., BlueGreenPipeline]
Properties = Callable[[str], dict[str, dict[str, Any]]]
Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]


def stages(properties: Properties) -> dict[str, list[dict[str, Any]]]:
    (pipeline,) = properties(PIPELINE).values()
    return {stage["Name"]: stage["Actions"] for stage in pipeline["Stages"]}


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (properties,) = found.values()
    return properties


def by_action(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {json.dumps(statement["Action"]): statement for statement in found}


def test_ecs_is_deployed_to_by_its_ordinary_action(
    make_pipeline: MakePipeline, properties: Properties
) -> None:
    made = make_pipeline(EcsBlueGreen(), pipeline_name="shop")
    assert (made.engine, made.code_deploy) == (Engine.ECS, None)
    found = stages(properties)
    assert list(found) == ["Source", "Build", "Deploy"]
    (build,), (deploy, _) = found["Build"], found["Deploy"]
    assert deploy["ActionTypeId"]["Provider"] == "ECS"
    assert deploy["InputArtifacts"] == build["OutputArtifacts"] == [{"Name": "Build"}]
    assert deploy["Configuration"]["DeploymentTimeout"] == 34
    assert "DEPLOY_FILES" not in json.dumps(build)
    assert properties("AWS::SSM::Parameter") == {}


@pytest.mark.parametrize(
    ("deployment", "given", "expected"),
    [
        (EcsBlueGreen(traffic_shift=TrafficShift.all_at_once()), None, 30),
        (EcsBlueGreen(bake_time=Duration.minutes(30)), None, 59),
        (EcsBlueGreen(bake_time=Duration.minutes(40)), None, 60),
        (EcsBlueGreen(bake_time=Duration.minutes(46)), None, 60),
        (EcsBlueGreen(), Duration.minutes(45), 45),
        (EcsBlueGreen(pause=Pause(timeout=Duration.minutes(20))), None, 54),
    ],
)
def test_the_action_of_ecs_waits_for_shift_bake_and_pause(
    make_pipeline: MakePipeline,
    properties: Properties,
    deployment: EcsBlueGreen,
    given: Duration | None,
    expected: int,
) -> None:
    make_pipeline(deployment, deployment_timeout=given)
    deploy, _ = stages(properties)["Deploy"]
    assert deploy["Configuration"]["DeploymentTimeout"] == expected


@pytest.mark.parametrize(
    ("deployment", "given", "message"),
    [
        (
            EcsBlueGreen(bake_time=Duration.minutes(47)),
            None,
            "'service' must be deployed within 1 hour, .* got 56 minutes .*CodeDeployBlueGreen",
        ),
        (EcsBlueGreen(pause=Pause(timeout=Duration.minutes(42))), None, "got 56 minutes"),
        (
            EcsBlueGreen(),
            Duration.minutes(18),
            "'deployment_timeout' must be at least 19 minutes .* got 18 minutes",
        ),
        (EcsBlueGreen(), Duration.minutes(61), "'deployment_timeout' must be from 1 minute to 1 h"),
        (
            CodeDeployBlueGreen(),
            Duration.minutes(30),
            "'deployment_timeout' must be left out for CodeDeploy, whose action has none, got 30",
        ),
        (
            CodeDeployBlueGreen(
                approval_wait=Duration.days(2),
                termination_wait=Duration.days(2),
                traffic_shift=TrafficShift.canary(10, Duration.days(2)),
            ),
            None,
            "'service' must be deployed within 5 days, .* got 8640 minutes",
        ),
        (None, None, "'service' must be a LoadBalancedService with a 'deployment' .* EcsRolling"),
    ],
)
def test_times_that_cannot_work_are_rejected(
    make_pipeline: MakePipeline, deployment: Any, given: Duration | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_pipeline(deployment, deployment_timeout=given)


def test_probes_take_time_as_well(
    make_pipeline: MakePipeline, test_listener: elbv2.ApplicationListener
) -> None:
    probe = HttpProbe(timeout=Duration.minutes(10))
    deployment = EcsBlueGreen(
        bake_time=Duration.minutes(40), test_listener=test_listener, hooks=[probe]
    )
    with pytest.raises(ValueError, match="got 59 minutes"):
        make_pipeline(deployment)


@pytest.mark.parametrize(
    ("deployment", "engine", "other"),
    [
        (EcsBlueGreen(), Engine.ECS, Engine.CODE_DEPLOY),
        (CodeDeployBlueGreen(), Engine.CODE_DEPLOY, Engine.ECS),
    ],
)
def test_the_engine_can_be_checked(
    make_pipeline: MakePipeline,
    make_service: Callable[..., LoadBalancedService],
    deployment: Any,
    engine: Engine,
    other: Engine,
) -> None:
    service = make_service(deployment=deployment)
    message = f"'engine' must be {engine}, which the service deploys by, got {other}"
    with pytest.raises(ValueError, match=message):
        make_pipeline(service=service, engine=other)
    assert make_pipeline(service=service, engine=engine).engine == engine


def test_a_service_of_code_deploy_does_not_roll(
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
) -> None:
    service = make_service(deployment=CodeDeployBlueGreen()).service
    with pytest.raises(ValueError, match=r"have the deployment controller ECS .* BlueGreenPip"):
        EcsRollingPipeline(stack, "Rolling", source=source, build=build, service=service)


def test_a_service_of_ecss_strategies_rolls_by_mechanism(
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
) -> None:
    service = make_service(deployment=EcsBlueGreen()).service
    EcsRollingPipeline(stack, "Rolling", source=source, build=build, service=service)


@pytest.mark.parametrize("given", ["construct", "service"])
@pytest.mark.parametrize("deployment", [EcsBlueGreen(), CodeDeployBlueGreen()])
def test_the_service_may_be_given_as_construct_or_as_what_it_has_made(
    make_pipeline: MakePipeline,
    make_service: Callable[..., LoadBalancedService],
    properties: Properties,
    deployment: EcsBlueGreen | CodeDeployBlueGreen,
    given: str,
) -> None:
    web = make_service(deployment=deployment)
    made = make_pipeline(service=web if given == "construct" else web.service)
    assert (made.engine, made.service) == (deployment.engine, web.service)
    assert made.target_groups == (web.target_group, web.green_target_group)
    assert (made.deployment_group is None) == (deployment.engine is Engine.ECS)
    _, record = stages(properties)["Deploy"]
    assert "/container-pipelines/my-app/image" in json.dumps(record["Configuration"])


def test_a_service_whose_deployment_is_not_known_is_rejected(
    make_pipeline: MakePipeline, own_service: ecs.FargateService
) -> None:
    with pytest.raises(
        ValueError, match=r"'service' must be a .*make a CodeDeployTarget of it, or"
    ):
        make_pipeline(service=own_service)


def test_of_a_pipeline_that_shifts_traffic_everything_is_taken(
    stack: cdk.Stack, make_pipeline: Callable[..., BlueGreenPipeline], images: EcrRepo
) -> None:
    release = make_pipeline(CodeDeployBlueGreen())
    watched = PipelineAlarms(
        stack, "Watch", name="web", notifications=no_notifications(), pipeline=release
    )
    found = watched.monitored
    assert (found.service, found.repository) == (release.service, images.repository)
    assert found.target_groups == release.target_groups
    assert found.deployment_group is release.deployment_group is not None
    assert {"unhealthy-targets", "unhealthy-targets-2", "server-errors"} <= set(watched.alarms)
    other = PipelineAlarms(
        stack,
        "Other",
        name="other",
        notifications=no_notifications(),
        pipeline=release,
        target_groups=release.target_groups[:1],
    )
    assert other.monitored.target_groups == release.target_groups[:1]


def test_code_deploy_gets_the_deploy_files_and_no_more(
    make_pipeline: MakePipeline, properties: Properties
) -> None:
    make_pipeline(CodeDeployBlueGreen())
    found = stages(properties)
    (build,), (deploy, _) = found["Build"], found["Deploy"]
    assert build["OutputArtifacts"] == [{"Name": "Build"}, {"Name": "Deploy"}]
    assert deploy["InputArtifacts"] == [{"Name": "Deploy"}]
    assert deploy["ActionTypeId"]["Provider"] == "CodeDeployToECS"
    configuration = deploy["Configuration"]
    assert configuration.pop("ApplicationName")["Ref"].startswith("ReleaseCodeDeployApplication")
    assert configuration.pop("DeploymentGroupName")["Ref"].startswith("ReleaseCodeDeployGroup")
    assert configuration == {
        "TaskDefinitionTemplateArtifact": "Deploy",
        "TaskDefinitionTemplatePath": "taskdef.json",
        "AppSpecTemplateArtifact": "Deploy",
        "AppSpecTemplatePath": "appspec.yaml",
        "Image1ArtifactName": "Deploy",
        "Image1ContainerName": "IMAGE1_NAME",
    }


def test_each_output_is_a_secondary_artifact_of_its_name(
    make_pipeline: MakePipeline, properties: Properties
) -> None:
    make_pipeline(CodeDeployBlueGreen())
    spec = yaml.safe_load(only(properties("AWS::CodeBuild::Project"))["Source"]["BuildSpec"])
    (build,) = stages(properties)["Build"]
    outputs = spec["artifacts"]["secondary-artifacts"]
    assert list(outputs) == [output["Name"] for output in build["OutputArtifacts"]]
    own = {name: spec["artifacts"][name] for name in ("base-directory", "files")}
    assert outputs["Build"] == own
    assert outputs["Deploy"] == {
        "base-directory": ".container-deploy-files",
        "files": ["taskdef.json", "appspec.yaml", "imageDetail.json"],
    }


def test_a_buildspec_of_ones_own_is_left_as_it_is(
    stack: cdk.Stack, make_pipeline: MakePipeline, images: EcrRepo, properties: Properties
) -> None:
    text = {"version": "0.2", "env": {"exported-variables": ["IMAGE_URI"]}}
    own = codebuild.BuildSpec.from_object(text)
    build = BuildProject(stack, "OwnBuild", repository=images.repository, build_spec=own)
    make_pipeline(CodeDeployBlueGreen(), build=build)
    (spec,) = [
        project["Source"]["BuildSpec"]
        for name, project in properties("AWS::CodeBuild::Project").items()
        if name.startswith("OwnBuild")
    ]
    assert json.loads(spec) == text
    (action,) = stages(properties)["Build"]
    given = json.dumps(action["Configuration"]["EnvironmentVariables"])
    for name in ("DEPLOY_FILES_PARAMETER", "BUILD_PROGRAM", "BUILD_PROGRAM_SHA256"):
        assert f'\\"name\\":\\"{name}\\"' in given


def test_the_files_are_made_of_what_cloudformation_registered(
    make_pipeline: MakePipeline,
    properties: Properties,
    test_listener: elbv2.ApplicationListener,
    function: lambda_.Function,
) -> None:
    hooks = [ValidationHook(function=function, at=HookStage.AFTER_START)]
    make_pipeline(CodeDeployBlueGreen(test_listener=test_listener, hooks=hooks))
    ((name, parameter),) = properties("AWS::SSM::Parameter").items()
    parts = parameter["Value"]["Fn::Join"][1]
    (definition,) = properties("AWS::ECS::TaskDefinition")
    assert {"Ref": definition} in parts
    text = "".join(part if isinstance(part, str) else "?" for part in parts)
    assert json.loads(text) == {
        "taskDefinition": "?",
        "container": "app",
        "appSpec": {
            "Resources": [
                {
                    "TargetService": {
                        "Type": "AWS::ECS::Service",
                        "Properties": {
                            "TaskDefinition": "<TASK_DEFINITION>",
                            "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": 3000},
                            "PlatformVersion": "LATEST",
                        },
                    }
                }
            ],
            "Hooks": [{"AfterInstall": "?"}],
        },
    }
    (build,) = stages(properties)["Build"]
    assert {"Ref": name} in build["Configuration"]["EnvironmentVariables"]["Fn::Join"][1]


def test_a_changed_setting_changes_no_pipeline(
    app: cdk.App, make_pipeline: MakePipeline, images: EcrRepo, source: Source
) -> None:
    """Or the revision's ARN would be an export that cannot change while it is imported."""
    made = make_pipeline(CodeDeployBlueGreen())
    (pipeline,) = Template.from_stack(cdk.Stack.of(made)).find_resources(PIPELINE).values()
    assert "TaskDefinition" not in json.dumps(pipeline["Properties"]).replace(
        "TaskDefinitionTemplate", ""
    )


def test_the_build_may_read_what_the_files_are_made_of(
    stack: cdk.Stack, make_pipeline: MakePipeline, statements: Statements
) -> None:
    make_pipeline(CodeDeployBlueGreen())
    found = statements(stack, "BuildRole")
    assert by_action(found)['"ecs:DescribeTaskDefinition"']["Resource"] == "*"
    read = [each["Resource"] for each in found if each["Action"] == "ssm:GetParameter"]
    assert "DeployFiles" in json.dumps(read)


def test_the_deployment_group_is_as_documented(
    make_pipeline: MakePipeline,
    properties: Properties,
    test_listener: elbv2.ApplicationListener,
    alarm: cloudwatch.IAlarm,
) -> None:
    make_pipeline(CodeDeployBlueGreen(test_listener=test_listener, alarms=[alarm]))
    group = only(properties(GROUP))
    (pair,) = group["LoadBalancerInfo"]["TargetGroupPairInfoList"]
    names = [name["Name"]["Fn::GetAtt"][0] for name in pair["TargetGroups"]]
    assert names == ["ServiceTargetGroupE74A3394", "ServiceGreenTargetGroup3BE32266"]
    assert len(pair["ProdTrafficRoute"]["ListenerArns"]) == 1
    assert pair["TestTrafficRoute"] != pair["ProdTrafficRoute"]
    assert group["DeploymentConfigName"] == "CodeDeployDefault.ECSLinear10PercentEvery1Minutes"
    assert group["DeploymentStyle"] == {
        "DeploymentOption": "WITH_TRAFFIC_CONTROL",
        "DeploymentType": "BLUE_GREEN",
    }
    assert group["BlueGreenDeploymentConfiguration"] == {
        "DeploymentReadyOption": {
            "ActionOnTimeout": "CONTINUE_DEPLOYMENT",
            "WaitTimeInMinutes": 0,
        },
        "TerminateBlueInstancesOnDeploymentSuccess": {
            "Action": "TERMINATE",
            "TerminationWaitTimeInMinutes": 5,
        },
    }
    assert group["AutoRollbackConfiguration"] == {
        "Enabled": True,
        "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
    }
    assert group["AlarmConfiguration"] == {"Alarms": [{"Name": "errors"}], "Enabled": True}


def test_somebody_may_have_to_let_it_go_on(
    make_pipeline: MakePipeline, properties: Properties
) -> None:
    make_pipeline(CodeDeployBlueGreen(approval_wait=Duration.hours(8)))
    group = only(properties(GROUP))
    assert group["BlueGreenDeploymentConfiguration"]["DeploymentReadyOption"] == {
        "ActionOnTimeout": "STOP_DEPLOYMENT",
        "WaitTimeInMinutes": 480,
    }
    assert group["AutoRollbackConfiguration"]["Events"] == [
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_REQUEST",
    ]


def test_the_deploy_role_of_code_deploy_is_bound_to_group_family_and_roles(
    stack: cdk.Stack, make_pipeline: MakePipeline, statements: Statements
) -> None:
    make_pipeline(CodeDeployBlueGreen())
    found = by_action(statements(stack, "ReleaseDeployRole"))
    assert [json.loads(action) for action in found] == [
        ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
        ["s3:GetObject", "s3:GetObjectVersion"],
        "ecs:RegisterTaskDefinition",
        "iam:PassRole",
        ["codedeploy:CreateDeployment", "codedeploy:GetDeployment"],
        [
            "codedeploy:GetApplication",
            "codedeploy:GetApplicationRevision",
            "codedeploy:RegisterApplicationRevision",
        ],
        "codedeploy:GetDeploymentConfig",
    ]
    unbound = [action for action, s in found.items() if s["Resource"] == "*"]
    assert unbound == ['"ecs:RegisterTaskDefinition"']
    pass_role = found['"iam:PassRole"']
    assert pass_role["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }
    assert sorted(arn["Fn::GetAtt"][0][:20] for arn in pass_role["Resource"]) == [
        "ServiceExecutionRole",
        "ServiceTaskRoleC7213",
    ]
    config = found['"codedeploy:GetDeploymentConfig"']["Resource"]["Fn::Join"][1]
    assert config[-1].endswith(":CodeDeployDefault.ECSLinear10PercentEvery1Minutes")


def test_the_role_of_code_deploy_is_for_this_service_alone(
    stack: cdk.Stack,
    make_pipeline: MakePipeline,
    properties: Properties,
    statements: Statements,
    test_listener: elbv2.ApplicationListener,
    alarm: cloudwatch.IAlarm,
) -> None:
    deployment = CodeDeployBlueGreen(
        test_listener=test_listener, hooks=[HttpProbe()], alarms=[alarm]
    )
    make_pipeline(deployment)
    found = by_action(statements(stack, "ReleaseCodeDeployRole"))
    assert [json.loads(action) for action in found] == [
        ["ecs:DescribeServices", "ecs:UpdateServicePrimaryTaskSet"],
        ["ecs:CreateTaskSet", "ecs:DeleteTaskSet"],
        "iam:PassRole",
        [
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetGroups",
        ],
        "elasticloadbalancing:ModifyRule",
        "lambda:InvokeFunction",
        "cloudwatch:DescribeAlarms",
    ]
    unbound = [action for action, s in found.items() if s["Resource"] == "*"]
    assert unbound == [
        json.dumps(
            [
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTargetGroups",
            ]
        )
    ]
    rules = [{"Ref": name} for name in properties("AWS::ElasticLoadBalancingV2::ListenerRule")]
    assert found['"elasticloadbalancing:ModifyRule"']["Resource"] == rules
    assert "ManagedPolicyArns" not in json.dumps(properties("AWS::IAM::Role"))


def test_hooks_may_answer_for_this_group_alone(
    make_pipeline: MakePipeline,
    properties: Properties,
    test_listener: elbv2.ApplicationListener,
    function: lambda_.Function,
) -> None:
    hooks = [HttpProbe(), ValidationHook(function=function, at=HookStage.BEFORE_START)]
    make_pipeline(CodeDeployBlueGreen(test_listener=test_listener, hooks=hooks))
    answers = [
        policy
        for policy in properties("AWS::IAM::Policy").values()
        if "PutLifecycleEventHookExecutionStatus" in json.dumps(policy)
    ]
    assert len(answers) == 2
    for policy in answers:
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert ":deploymentgroup:" in json.dumps(statement["Resource"])


@pytest.mark.parametrize("deployment", [EcsBlueGreen(), CodeDeployBlueGreen()])
def test_a_release_is_recorded_and_controlled_like_any(
    make_pipeline: MakePipeline, properties: Properties, images: EcrRepo, deployment: Any
) -> None:
    make_pipeline(
        deployment,
        image_pointer=images.image_pointer,
        controls=PipelineControls(gates=[Approval()], on_failure=OnFailure.ROLLBACK),
    )
    found = stages(properties)
    assert list(found) == ["Source", "Build", "Gate", "Deploy"]
    assert [(a["Name"], a["RunOrder"]) for a in found["Deploy"]] == [("Deploy", 1), ("Record", 2)]
    assert "PREVIOUS_IMAGE_PARAMETER" in json.dumps(found["Build"])


def test_the_recorder_of_its_own_waits_for_the_bake_time(
    make_pipeline: MakePipeline, properties: Properties, images: EcrRepo
) -> None:
    make_pipeline(EcsBlueGreen(bake_time=Duration.minutes(45)), image_pointer=images.image_pointer)
    _, record = stages(properties)["Deploy"]
    _, parts = record["Configuration"]["UserParameters"]["Fn::Join"]
    text = "".join(part for part in parts if isinstance(part, str))
    assert '"timeout":"5040"' in text


def test_recorder_and_drift_detector_can_be_shared(
    stack: cdk.Stack, make_pipeline: MakePipeline, properties: Properties, images: EcrRepo
) -> None:
    make_pipeline(
        EcsBlueGreen(),
        image_pointer=images.image_pointer,
        recorder=ReleaseRecorder(stack, "SharedRecorder"),
        drift_detector=DriftDetector(stack, "SharedDetector"),
    )
    assert {name.startswith("Shared") for name in properties("AWS::Lambda::Function")} == {True}


@pytest.mark.parametrize("engine", [EcsBlueGreen, CodeDeployBlueGreen])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_nothing_is_left_for_a_security_check_to_find(
    app: cdk.App,
    stack: cdk.Stack,
    make_service: Callable[..., LoadBalancedService],
    source: Source,
    images: EcrRepo,
    nag: Callable[[cdk.Stack], list[str]],
    alarm: cloudwatch.IAlarm,
    test_listener: elbv2.ApplicationListener,
    engine: Any,
    elsewhere: bool,
) -> None:
    service = make_service(
        deployment=engine(test_listener=test_listener, hooks=[HttpProbe()], alarms=[alarm])
    )
    theirs = cdk.Stack(app, "Release") if elsewhere else stack
    BlueGreenPipeline(
        theirs,
        "Pipeline",
        source=source,
        build=BuildProject(theirs, "Build", repository=images.repository),
        service=service,
        image_pointer=images.image_pointer,
    )
    app.synth()
    assert nag(stack) == []
    assert nag(theirs) == []


@pytest.mark.parametrize("engine", [EcsBlueGreen, CodeDeployBlueGreen])
def test_pipelines_may_share_a_bucket_of_another_stack(
    app: cdk.App, make_pipeline: MakePipeline, engine: Any
) -> None:
    shared = ArtifactBucket(cdk.Stack(app, "Shared"), "Artifacts")
    make_pipeline(engine(), artifact_bucket=shared)
    app.synth()
