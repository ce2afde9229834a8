"""Arguments of the wrong type, at every public constructor, factory and method."""
# ruff: noqa: E501 - messages are easier to read in few pieces

import inspect
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

import container_pipelines
from benchmarks.crossings import counted
from container_pipelines import (
    AlarmName,
    Approval,
    BuildProject,
    BuildReport,
    Check,
    CodeDeployTarget,
    DockerBuild,
    EcrRepo,
    EcsBlueGreen,
    EcsRollingPipeline,
    HealthCheck,
    HttpProbe,
    ImagePointer,
    LoadBalancedService,
    Pause,
    PhaseCommands,
    PipelineAlarms,
    PipelineControls,
    Platform,
    PushTrigger,
    SlackNotifier,
    Source,
    Threshold,
    TrafficShift,
    no_notifications,
)


def _classes() -> list[type]:
    found = [getattr(container_pipelines, name) for name in container_pipelines.__all__]
    return [
        each
        for each in found
        if isinstance(each, type)
        and not issubclass(each, Enum)
        and not getattr(each, "_is_protocol", False)
    ]


def _parameters() -> Iterator[tuple[str, Callable[..., Any], str, Any]]:
    """Each parameter of what is public, with its function and its annotation."""
    for cls in _classes():
        for name, member in vars(cls).items():
            function = member.__func__ if isinstance(member, staticmethod) else member
            if not inspect.isfunction(function) or inspect.isabstract(function):
                continue
            if getattr(function, "__isabstractmethod__", False):
                continue
            if not name.startswith("_") or name == "__init__":
                hints = typing.get_type_hints(inspect.unwrap(function))
                for parameter in inspect.signature(function).parameters:
                    if parameter != "self":
                        yield f"{cls.__name__}.{name}", function, parameter, hints[parameter]


PARAMETERS = list(_parameters())
# What is none of whatever an annotation names but text, and none of what names text.
WRONG: list[Any] = [object(), ["a", 5], {5: object()}, b"bytes", ecs.Cluster, 5j]
TOLD = {str: 5, int: "5", float: "5", bool: "yes", cdk.Duration: 30}


def _wrong_values(annotation: Any) -> Iterator[Any]:
    yield from WRONG
    for kind in (annotation, *typing.get_args(annotation)):
        if kind in TOLD:
            yield TOLD[kind]
        if str(kind).startswith(("collections.abc.Sequence", "collections.abc.Collection")):
            yield "a string"
            yield {"a": "dict"}
        if str(kind).startswith("collections.abc.Mapping"):
            yield ["a list"]
            yield "a string"
    if type(None) not in typing.get_args(annotation):
        yield None


@pytest.mark.parametrize(
    ("function", "parameter", "annotation"),
    [pytest.param(*case[1:], id=f"{case[0]}-{case[2]}") for case in PARAMETERS],
)
def test_every_parameter_refuses_what_it_is_not_for(
    function: Callable[..., Any], parameter: str, annotation: Any
) -> None:
    on_itself = [None] if "self" in inspect.signature(function).parameters else []
    for wrong in _wrong_values(annotation):
        with pytest.raises(
            ValueError, match=rf"^'([a-z_.]+\.)?{parameter}\S*' must be .+, got .+; "
        ) as refused:
            function(*on_itself, **{parameter: wrong})
        assert "object at 0x" not in str(refused.value)


def test_there_are_parameters_to_try() -> None:
    assert len(PARAMETERS) > 300
    assert {name.split(".")[0] for name, *_ in PARAMETERS} >= {
        cls.__name__ for cls in _classes() if inspect.signature(cls).parameters
    } - {"Gate"}


@pytest.fixture
def given(
    stack: cdk.Stack,
    images: EcrRepo,
    build: BuildProject,
    function: lambda_.Function,
    make_service: Callable[..., LoadBalancedService],
    source: Source,
) -> dict[str, Any]:
    """What people mistake for something else."""
    vpc = ec2.Vpc(stack, "Vpc", restrict_default_security_group=False)
    balancer = elbv2.NetworkLoadBalancer(stack, "Nlb", vpc=vpc)
    return {
        "images": images,
        "build": build,
        "function": function,
        "source": source,
        "web": make_service(),
        "network_listener": balancer.add_listener("Listener", port=80),
        "own_project": codebuild.PipelineProject(stack, "OwnProject"),
        "imported": ecs.FargateService.from_fargate_service_attributes(
            stack,
            "Imported",
            service_name="my-service",
            cluster=ecs.Cluster.from_cluster_arn(
                stack, "Theirs", "arn:aws:ecs:eu-west-1:111122223333:cluster/theirs"
            ),
        ),
    }


CASES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (
        lambda it: BuildProject(it, "X", repository=it),
        "'scope' must be a Construct, got a dict; give one",
    ),
    (
        lambda it: BuildProject(it["build"], "X", repository=it["images"]),
        "'repository' must be an aws_ecr.IRepository, got an EcrRepo; give its 'repository'",
    ),
    (
        lambda it: BuildProject(it["build"], "X", repository=it["images"].repository, timeout=30),
        "'timeout' must be a Duration, got 30; write Duration.seconds(30) or Duration.minutes(30)",
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", cpu="256"),
        "'cpu' must be a whole number, got the string '256'; write 256, without the quotes",
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", container_port=True),
        "'container_port' must be a whole number, got True; give one, or omit it for the default",
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", health_check={}),
        "'health_check' must be a HealthCheck, got a dict; give one, or omit it for the default",
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", listener=it["network_listener"]),
        (
            "'listener' must be an aws_elasticloadbalancingv2.IApplicationListener, got an "
            "aws_elasticloadbalancingv2.NetworkListener; give one"
        ),
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", image_pointer=it["images"]),
        "'image_pointer' must be an ImagePointer, got an EcrRepo; give its 'image_pointer'",
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", path_patterns="/api"),
        "'path_patterns' must be a list of strings, got the string '/api'; write ['/api']",
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", host_headers="example.com"),
        (
            "'host_headers' must be a list of strings, got the string 'example.com'; write "
            "['example.com']"
        ),
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", environment={"A": 5}),
        "'environment['A']' must be a string, got 5; write it in quotes",
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", secrets={"PASSWORD": "hunter2"}),
        (
            "'secrets['PASSWORD']' must be an aws_ecs.Secret, got a string; give one, or omit it for "
            "the default"
        ),
    ),
    (
        lambda it: LoadBalancedService(it["build"], "X", log_retention=logs.RetentionDays),
        (
            "'log_retention' must be an aws_logs.RetentionDays, got the class aws_logs.RetentionDays "
            "itself; give one, or omit it for the default"
        ),
    ),
    (
        lambda it: DockerBuild(test_command="npm test"),
        (
            "'docker_build.test_command' must be a list of strings, got the string 'npm test'; write "
            "a list, each item in quotes"
        ),
    ),
    (
        lambda it: DockerBuild(platforms=["linux/arm64"]),
        (
            "'docker_build.platforms[0]' must be one of Platform.AMD64, Platform.ARM64, got the string "
            "'linux/arm64'; write Platform.ARM64"
        ),
    ),
    (
        lambda it: BuildReport(group=it["own_project"], files="*.xml"),
        (
            "'build_report.group' must be an aws_codebuild.IReportGroup, got an "
            "aws_codebuild.PipelineProject; give one"
        ),
    ),
    (
        lambda it: PhaseCommands(install="make"),
        "'commands.install' must be a list of strings, got the string 'make'; write ['make']",
    ),
    (
        lambda it: PushTrigger(branches="main"),
        "'push_trigger.branches' must be a list of strings, got the string 'main'; write ['main']",
    ),
    (
        lambda it: EcsBlueGreen(hooks=[it["function"]]),
        (
            "'ecs_blue_green.hooks[0]' must be a ValidationHook or an HttpProbe, got an "
            "aws_lambda.Function; write ValidationHook(function=...)"
        ),
    ),
    (
        lambda it: EcsBlueGreen(hooks=HttpProbe()),
        (
            "'ecs_blue_green.hooks' must be a list of ValidationHook or HttpProbe, got an HttpProbe; "
            "write it in brackets, as a list of one"
        ),
    ),
    (
        lambda it: EcsBlueGreen(traffic_shift=TrafficShift),
        (
            "'ecs_blue_green.traffic_shift' must be a TrafficShift, got the class TrafficShift itself; "
            "write TrafficShift(...), which makes one"
        ),
    ),
    (
        lambda it: TrafficShift.linear(every=1),
        (
            "'traffic_shift.linear.every' must be a Duration, got 1; write Duration.seconds(1) or "
            "Duration.minutes(1)"
        ),
    ),
    (
        lambda it: PipelineControls(gates=[it["function"]]),
        (
            "'controls.gates[0]' must be a Gate, got an aws_lambda.Function; give one, or omit it for "
            "the default"
        ),
    ),
    (
        lambda it: PipelineControls(on_drift="IGNORE"),
        (
            "'controls.on_drift' must be one of OnDrift.RESTORE, OnDrift.NOTIFY, OnDrift.IGNORE, got "
            "the string 'IGNORE'; write OnDrift.IGNORE"
        ),
    ),
    (
        lambda it: PipelineControls(execution_mode="fast"),
        (
            "'controls.execution_mode' must be one of aws_codepipeline.ExecutionMode.QUEUED, "
            "aws_codepipeline.ExecutionMode.SUPERSEDED, aws_codepipeline.ExecutionMode.PARALLEL, got "
            "the string 'fast'; give one, or omit it for the default"
        ),
    ),
    (
        lambda it: EcsRollingPipeline(it["build"], "X", build=it["own_project"]),
        "'build' must be a BuildProject, got an aws_codebuild.PipelineProject; give one",
    ),
    (
        lambda it: EcsRollingPipeline(it["build"], "X", source="your-org/my-app"),
        "'source' must be a Source, got a string; give one",
    ),
    (
        lambda it: EcsRollingPipeline(it["build"], "X", task_roles=it["build"].role),
        (
            "'task_roles' must be a list of aws_iam.IRole, got an aws_iam.Role; write it in brackets, "
            "as a list of one"
        ),
    ),
    (
        lambda it: CodeDeployTarget(service=it["imported"]),
        (
            "'code_deploy_target.service' must be an aws_ecs.BaseService, got an imported "
            "aws_ecs.IBaseService; give one that your app makes: of an imported one too little is "
            "known"
        ),
    ),
    (
        lambda it: PipelineAlarms(it["build"], "X", alarms={"server-errors": None}),
        (
            "'alarms.keys()' must be one of AlarmName.FAILED_RELEASES, AlarmName.RELEASE_DURATION, "
            "AlarmName.UNUSUAL_DURATION, AlarmName.FAILED_BUILDS, AlarmName.BUILD_DURATION, "
            "AlarmName.UNHEALTHY_TARGETS, AlarmName.SERVER_ERRORS, AlarmName.MISSING_TASKS, got the "
            "string 'server-errors'; write AlarmName.SERVER_ERRORS"
        ),
    ),
    (
        lambda it: PipelineAlarms(it["build"], "X", alarms={AlarmName.SERVER_ERRORS: 5}),
        (
            "'alarms['server-errors']' must be a Threshold or an "
            "AnomalyBand, got 5; write Threshold(value=...)"
        ),
    ),
    (
        lambda it: SlackNotifier(it["build"], "X", slack="https://hooks.slack.com/services/T/B/x"),
        "'slack' must be a SlackWebhook or a SlackBot, got a string; give one",
    ),
]


@pytest.mark.parametrize(("make", "message"), CASES, ids=[case[1][:40] for case in CASES])
def test_what_is_mistaken_for_something_else_is_named(
    given: dict[str, Any], make: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        make(given)
    assert str(refused.value) == message


def test_what_is_right_in_another_form_is_taken(
    stack: cdk.Stack, alarm: Any, function: lambda_.Function, build: BuildProject
) -> None:
    token = cdk.Token.as_number({"Ref": "Number"})
    Threshold(value=token, periods=token)
    Threshold(value=1)
    HealthCheck(path=cdk.Token.as_string({"Ref": "Path"}), healthy_threshold=token)
    DockerBuild(test_command=("npm", "test"), platforms=(Platform.ARM64,), arguments={})
    PushTrigger(branches=("main",))
    EcsBlueGreen(alarms=[alarm], hooks=(HttpProbe(),), traffic_shift=TrafficShift.linear(12.5))
    # As AWS CDK gives them: by an interface, or by what stands for one.
    Check(function=lambda_.Function.from_function_name(stack, "Imported", "smoke-test"))
    ecr.Repository.from_repository_name(stack, "Theirs", "theirs").grant_pull(build)
    topic = cdk.aws_sns.Topic.from_topic_arn(
        stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:topic"
    )
    PipelineControls(gates=[Approval(topic=topic)])
    key = cdk.aws_kms.Key.from_key_arn(
        stack, "Key", "arn:aws:kms:eu-west-1:111122223333:key/0f1e2d3c"
    )
    EcrRepo(cdk.Stack(), "Images", repository_name="a-name", encryption_key=key)
    # Immutable: a grant has no effect, but it is a role.
    ImagePointer(stack, "Pointer", parameter_name="/a/name").grant_read(
        iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/reader")
    )
    PipelineAlarms(
        stack,
        "Watch",
        name="web",
        build=build,
        notifications=[no_notifications()],
        events=set(),
    )
    Pause(timeout=cdk.Duration.minutes(cdk.Token.as_number({"Ref": "Minutes"})))


def test_types_are_checked_without_asking_the_cdk(
    stack: cdk.Stack, build: BuildProject, source: Source
) -> None:
    given: Any = {
        "source": source,
        "build": build,
        "service": ecs.FargateService.from_fargate_service_attributes(
            stack,
            "Imported",
            service_name="my-service",
            cluster=ecs.Cluster.from_cluster_arn(
                stack, "Theirs", "arn:aws:ecs:eu-west-1:111122223333:cluster/theirs"
            ),
        ),
    }
    with counted() as crossings, pytest.raises(ValueError, match="'pipeline_name' must be"):
        EcsRollingPipeline(stack, "X", **given, pipeline_name=5)
    assert sum(crossings.values()) == 0
