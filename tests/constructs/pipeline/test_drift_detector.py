import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_ecs as ecs
from aws_cdk.assertions import Match, Template

from container_pipelines import (
    BuildProject,
    DriftDetector,
    EcrRepo,
    EcsRollingPipeline,
    FunctionAlarm,
    ImagePointer,
    LoadBalancedService,
    OnDrift,
    PipelineControls,
    Source,
    no_notifications,
)
from drift_detector.notification import DETAIL_TYPE, SOURCE, State
from drift_detector.watched import Watched

RULE = "AWS::Events::Rule"


@pytest.fixture
def detector(app: cdk.App) -> DriftDetector:
    return DriftDetector(cdk.Stack(app, "Shared"), "DriftDetector")


@pytest.fixture
def make(
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    images: EcrRepo,
    make_service: Callable[..., LoadBalancedService],
) -> Callable[..., EcsRollingPipeline]:
    """A service with its pipeline."""

    def make(**options: Any) -> EcsRollingPipeline:
        return EcsRollingPipeline(
            stack,
            "Release",
            **{
                "source": source,
                "build": build,
                "service": make_service().service,
                "image_pointer": images.image_pointer,
                "pipeline_name": "shop",
                **options,
            },
        )

    return make


def rule_of(template: Template) -> dict[str, Any]:
    (rule,) = template.find_resources(RULE).values()
    properties: dict[str, Any] = rule["Properties"]
    return properties


def words(value: Any) -> str:
    """The text of a value, with what only the deployment knows as a name."""
    if isinstance(value, dict):
        ((kind, inside),) = value.items()
        if kind == "Fn::Join":
            return "".join(map(words, inside[1]))
        return f"<{kind}>"
    return str(value)


def test_the_function(app: cdk.App, detector: DriftDetector) -> None:
    template = Template.from_stack(cdk.Stack.of(detector))
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Runtime": "python3.14",
            "Handler": "drift_detector.handler.handle",
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": Match.any_value()},
        },
    )
    template.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})
    template.has_resource_properties(
        "AWS::Lambda::EventInvokeConfig",
        {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 120},
    )
    (permission,) = template.find_resources("AWS::Lambda::Permission").values()
    assert words(permission["Properties"]["SourceArn"]) == "arn:<Ref>:events:<Ref>:<Ref>:rule/*"


def test_a_rule_is_what_the_function_understands(
    stack: cdk.Stack, detector: DriftDetector, make: Callable[..., EcsRollingPipeline]
) -> None:
    make(drift_detector=detector)
    rule = rule_of(Template.from_stack(stack))
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    (target,) = rule["Targets"]
    watched = Watched.parse(json.loads(words(target["Input"])))
    assert (watched.pointer, watched.incident) == (
        "/container-pipelines/my-app/image",
        "/container-pipelines/my-app/image-drift",
    )
    assert (watched.container, watched.variable, watched.restores) == ("app", "IMAGE", True)
    assert watched.stack == "Stack"
    # EventBridge's quota for it.
    assert len(words(target["Input"])) < 8192


def test_its_rule_matches_ends_of_deployments_and_of_operations_on_the_stack(
    stack: cdk.Stack, detector: DriftDetector, make: Callable[..., EcsRollingPipeline]
) -> None:
    make(drift_detector=detector)
    pattern = rule_of(Template.from_stack(stack))["EventPattern"]
    assert pattern["source"] == ["aws.ecs", "aws.cloudformation"]
    service, of_stack = pattern["resources"]
    assert ":service/" in words(service)
    assert words(of_stack["prefix"]).endswith(":stack/Stack")
    assert pattern["detail"] == {
        "$or": [
            {"eventName": ["SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED"]},
            {
                "status-details": {
                    "status": [
                        "UPDATE_COMPLETE",
                        "UPDATE_ROLLBACK_COMPLETE",
                        "UPDATE_ROLLBACK_FAILED",
                    ]
                }
            },
        ]
    }


def test_an_imported_service_has_no_known_stack(
    stack: cdk.Stack,
    detector: DriftDetector,
    images: EcrRepo,
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    service = ecs.FargateService.from_fargate_service_attributes(
        stack,
        "Imported",
        service_name="shop",
        cluster=ecs.Cluster.from_cluster_arn(
            stack, "Cluster", "arn:aws:ecs:eu-west-1:111122223333:cluster/prod"
        ),
    )
    detector.watch(
        stack,
        pipeline=codepipeline.Pipeline.from_pipeline_arn(
            stack, "Pipeline", "arn:aws:codepipeline:eu-west-1:111122223333:shop"
        ),
        service=service,
        container_name="app",
        image_pointer=images.image_pointer,
    )
    rule = rule_of(Template.from_stack(stack))
    assert rule["EventPattern"]["source"] == ["aws.ecs"]
    assert "$or" not in rule["EventPattern"]["detail"]
    assert Watched.parse(json.loads(words(rule["Targets"][0]["Input"]))).stack is None
    actions = [statement["Action"] for statement in statements(stack, "DriftRole")]
    assert "cloudformation:DescribeStacks" not in actions


def test_where_people_are_to_be_notified_alone_it_may_start_nothing(
    stack: cdk.Stack,
    detector: DriftDetector,
    make: Callable[..., EcsRollingPipeline],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    make(drift_detector=detector, controls=PipelineControls(on_drift=OnDrift.NOTIFY))
    (target,) = rule_of(Template.from_stack(stack))["Targets"]
    assert Watched.parse(json.loads(words(target["Input"]))).restores is False
    actions = [statement["Action"] for statement in statements(stack, "ReleaseDriftRole")]
    assert "events:PutEvents" in actions
    assert [action for action in actions if "codepipeline:" in str(action)] == [
        "codepipeline:ListPipelineExecutions"
    ]


def test_where_a_drift_is_ignored_there_is_nothing(
    stack: cdk.Stack,
    detector: DriftDetector,
    images: EcrRepo,
    make: Callable[..., EcsRollingPipeline],
) -> None:
    made = make(controls=PipelineControls(on_drift=OnDrift.IGNORE))
    Template.from_stack(stack).resource_count_is(RULE, 0)
    with pytest.raises(ValueError, match="'on_drift' must be RESTORE or NOTIFY"):
        detector.watch(
            stack,
            pipeline=made.pipeline,
            service=made.service,
            container_name="app",
            image_pointer=images.image_pointer,
            on_drift=OnDrift.IGNORE,
        )


def test_without_a_pointer_there_is_nothing_to_compare(
    stack: cdk.Stack,
    detector: DriftDetector,
    make: Callable[..., EcsRollingPipeline],
    own_service: ecs.FargateService,
) -> None:
    with pytest.raises(ValueError, match="'drift_detector' must be given with 'image_pointer'"):
        make(service=own_service, image_pointer=None, drift_detector=detector)


@pytest.mark.parametrize(
    "interval", [cdk.Duration.minutes(1), cdk.Duration.hours(2), cdk.Duration.seconds(150)]
)
def test_an_interval_must_fit(stack: cdk.Stack, interval: cdk.Duration) -> None:
    with pytest.raises(ValueError, match="'interval' must be from 2 minutes to 1 hour in whole"):
        DriftDetector(stack, "DriftDetector", interval=interval)
    assert stack.node.children == []


def test_an_interval_of_ones_own(
    app: cdk.App, stack: cdk.Stack, make: Callable[..., EcsRollingPipeline]
) -> None:
    shared = cdk.Stack(app, "Shared")
    make(drift_detector=DriftDetector(shared, "DriftDetector", interval=cdk.Duration.minutes(15)))
    assert rule_of(Template.from_stack(stack))["ScheduleExpression"] == "rate(15 minutes)"


@pytest.mark.parametrize(
    ("what", "env"),
    [
        ("region", cdk.Environment(account="111122223333", region="us-east-1")),
        ("account", cdk.Environment(account="444455556666", region="eu-west-1")),
    ],
)
def test_it_must_be_where_its_pipeline_is(app: cdk.App, what: str, env: cdk.Environment) -> None:
    detector = DriftDetector(cdk.Stack(app, "Elsewhere", env=env), "DriftDetector")
    stack = cdk.Stack(app, "Here", env=cdk.Environment(account="111122223333", region="eu-west-1"))
    arns = "arn:aws:{}:eu-west-1:111122223333:{}"
    with pytest.raises(ValueError, match=f"'drift_detector' must be in the {what} of its pipel"):
        detector.watch(
            stack,
            pipeline=codepipeline.Pipeline.from_pipeline_arn(
                stack, "Pipeline", arns.format("codepipeline", "shop")
            ),
            service=ecs.FargateService.from_fargate_service_attributes(
                stack,
                "Imported",
                service_name="shop",
                cluster=ecs.Cluster.from_cluster_arn(
                    stack, "Cluster", arns.format("ecs", "cluster/prod")
                ),
            ),
            container_name="app",
            image_pointer=ImagePointer(stack, "Pointer", parameter_name="/shop/image"),
        )


def test_the_pipeline_shows_the_detector_that_it_has(
    stack: cdk.Stack, make: Callable[..., EcsRollingPipeline]
) -> None:
    made = make()
    assert made.drift_detector is not None
    FunctionAlarm(
        cdk.Stack.of(stack),
        "Alarm",
        name="drift-errors",
        function=made.drift_detector.function,
        interval=made.drift_detector.interval,
        notifications=no_notifications(),
    )
    Template.from_stack(stack).has_resource_properties(
        "AWS::CloudWatch::Alarm", {"AlarmName": "drift-errors", "Period": 600}
    )


@pytest.mark.parametrize("without", ["pointer", "interest"])
def test_without_a_pointer_or_where_a_drift_is_ignored_it_has_none(
    make: Callable[..., EcsRollingPipeline], own_service: ecs.FargateService, without: str
) -> None:
    made = (
        make(service=own_service, image_pointer=None)
        if without == "pointer"
        else make(controls=PipelineControls(on_drift=OnDrift.IGNORE))
    )
    assert made.drift_detector is None


def test_what_it_sends_is_what_its_role_may_send_and_monitoring_knows() -> None:
    from container_pipelines._event_source import EVENT_SOURCE
    from container_pipelines.monitoring import _event_patterns
    from slack_notifier.deployment_events import _DRIFTS
    from slack_notifier.event_readers import _READERS

    assert SOURCE == EVENT_SOURCE
    assert (SOURCE, DETAIL_TYPE) in _READERS
    assert set(_DRIFTS) == set(State)
    known = {name for names in _event_patterns._DRIFTS.values() for name in names}
    assert {f"IMAGE_DRIFT_{state}" for state in State} == known


def test_nothing_is_left_for_a_security_check_to_find(
    stack: cdk.Stack,
    detector: DriftDetector,
    make: Callable[..., EcsRollingPipeline],
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    make(drift_detector=detector)
    assert nag(cdk.Stack.of(detector)) == []
