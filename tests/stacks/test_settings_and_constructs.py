"""What the constructs can, settings say, or there is a reason why not."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import container_pipelines as library
from tests.setting_paths import setting_paths

WIRED = "the app's own, which the stacks hand on"
DEFAULT = "the library's default is meant for every app; who needs another imports the constructs"
CODE = "takes an object of the app's code"
ONE_WAY = "the stacks run services in private subnets, which is the one way that is documented"

S = "services.N"
CONTROLS = {
    "triggers": f"{S}.release.triggers",
    "execution_mode": f"{S}.release.execution_mode",
    "variables": "variables of a pipeline are of use to gates of one's own alone",
    "gates": f"{S}.release.approval",
    "deployment_window": f"{S}.release.deployment_window",
    "alarms_before": f"{S}.release.alarms",
    "alarms_after": f"{S}.release.alarms.watch_minutes",
    "retry_build": f"{S}.release.retry_build",
    "on_failure": f"{S}.release.on_failure",
    "on_drift": f"{S}.release.on_drift",
    "frozen": f"{S}.release.frozen",
}
PIPELINE = {
    "source": f"{S}.source",
    "build": f"{S}.build",
    "service": WIRED,
    "image_pointer": WIRED,
    "recorder": WIRED,
    "drift_detector": WIRED,
    "pipeline_name": f"{S}.name",
    "artifact_bucket": "a build may overwrite what is in its bucket: each pipeline has its own",
    "deployment_timeout": f"{S}.deployment_timeout_minutes",
    "controls": f"{S}.release",
}
SHIFT = {
    "traffic_shift": f"{S}.blue_green.traffic_shift",
    "test_listener": "platform.test_port",
    "hooks": f"{S}.blue_green.probe",
    "alarms": f"{S}.blue_green.alarm_names",
    "live_group": f"{S}.blue_green.live_group",
}
SAID: dict[Callable[..., Any], dict[str, str]] = {
    library.LoadBalancedService: {
        "cluster": "platform.existing.cluster_name",
        "listener": "platform.existing.listener_arn",
        "repository": f"{S}.images.existing_repository",
        "image_pointer": WIRED,
        "redirected_listener": "platform.certificate_arn",
        "container_name": f"{S}.container.name",
        "container_port": f"{S}.container.port",
        "port_name": "is of use to Service Connect, which takes code",
        "protocol_version": "a gRPC or HTTP/2 service needs listeners and checks of the same kind",
        "service_name": f"{S}.name",
        "cpu": f"{S}.container.cpu",
        "memory": f"{S}.container.memory",
        "ephemeral_storage_gib": f"{S}.container.ephemeral_storage_gib",
        "cpu_architecture": f"{S}.container.architecture",
        "environment": f"{S}.container.environment",
        "secrets": f"{S}.container.secrets",
        "health_check": f"{S}.health_check",
        "deployment": f"{S}.strategy",
        "scaling": f"{S}.scaling",
        "desired_count": f"{S}.tasks",
        "stickiness": f"{S}.stickiness_minutes",
        "stickiness_cookie": DEFAULT,
        "priority": f"{S}.priority",
        "path_patterns": f"{S}.path_pattern",
        "host_headers": f"{S}.host_headers",
        "command": f"{S}.container.command",
        "container_health_check": "the load balancer's check decides; a second one takes code",
        "user": f"{S}.container.user",
        "read_only_root_filesystem": f"{S}.container.read_only_root_filesystem",
        "stop_timeout": f"{S}.container.stop_timeout_seconds",
        "capacity_providers": "would replace a live service, and needs a cluster that has them",
        "vpc_subnets": ONE_WAY,
        "security_groups": ONE_WAY,
        "assign_public_ip": ONE_WAY,
        "enable_execute_command": f"{S}.container.execute_command",
        "logging": CODE,
        "log_retention": "logs.retention_days",
    },
    library.HealthCheck: {
        "path": f"{S}.health_check.path",
        "healthy_http_codes": f"{S}.health_check.healthy_codes",
        "healthy_grpc_codes": "goes with protocol_version, which is no setting",
        "interval": f"{S}.health_check.interval_seconds",
        "timeout": f"{S}.health_check.timeout_seconds",
        "healthy_threshold": f"{S}.health_check.healthy_threshold",
        "unhealthy_threshold": f"{S}.health_check.unhealthy_threshold",
        "grace_period": f"{S}.health_check.grace_period_seconds",
    },
    library.Scaling: {
        name: f"{S}.scaling.{name}"
        for name in (
            "min_tasks",
            "max_tasks",
            "cpu_percent",
            "memory_percent",
            "requests_per_task",
        )
    },
    library.EcsBlueGreen: {
        **SHIFT,
        "bake_time": f"{S}.blue_green.keep_minutes",
        "pause": f"{S}.blue_green.pause_minutes",
        "circuit_breaker": "AWS's documents disagree on whether it is taken beside a shift",
    },
    library.CodeDeployBlueGreen: {
        **SHIFT,
        "termination_wait": f"{S}.blue_green.keep_minutes",
        "approval_wait": f"{S}.blue_green.approval_minutes",
    },
    library.Pause: {
        "timeout": f"{S}.blue_green.pause_minutes",
        "on_timeout": "a deployment that goes on unattended needs no pause",
    },
    library.HttpProbe: {
        "path": f"{S}.blue_green.probe.path",
        "status": f"{S}.blue_green.probe.status",
        "timeout": f"{S}.blue_green.probe.timeout_seconds",
        "base_url": "platform.existing.test_url",
        "vpc": WIRED,
        "security_groups": ONE_WAY,
    },
    library.EcrRepo: {
        "repository_name": f"{S}.name",
        "images_to_keep": f"{S}.images.keep",
        "untagged_days": DEFAULT,
        "cache_days": DEFAULT,
        "encryption": "ECR replaces the repository when it changes",
        "encryption_key": "ECR replaces the repository when it changes",
        "image_parameter_name": WIRED,
        "seed_image": f"{S}.container.seed_image",
        "removal_policy": "images are retained; docs/removal.md says how they are removed",
    },
    library.BuildProject: {
        "repository": f"{S}.images",
        "cache_from": WIRED,
        "build_spec": f"{S}.build.buildspec",
        "project_name": f"{S}.name",
        "description": WIRED,
        "docker_build": f"{S}.build.dockerfile",
        "docker_hub": f"{S}.build.docker_hub",
        "scan_gate": f"{S}.build.scan",
        "commands": "commands of one's own are in a buildspec, which is a setting",
        "reports": CODE,
        "environment_variables": "arguments and secrets are what the library's buildspec reads",
        "build_image": "follows from build.platforms",
        "compute_type": f"{S}.build.compute_type",
        "privileged": "building an image needs it",
        "vpc": f"{S}.build.in_vpc",
        "vpc_subnets": ONE_WAY,
        "security_groups": ONE_WAY,
        "concurrent_builds": f"{S}.build.concurrent_builds",
        "queued_timeout": f"{S}.build.queued_timeout_minutes",
        "timeout": f"{S}.build.timeout_minutes",
        "log_retention": "logs.retention_days",
    },
    library.DockerBuild: {
        name: f"{S}.build.{name}"
        for name in (
            "dockerfile",
            "context",
            "target",
            "arguments",
            "secrets",
            "platforms",
            "test_command",
            "sbom_generator",
            "layer_cache",
        )
    },
    library.ScanGate: {
        "severity": f"{S}.build.scan.severity",
        "fixable_only": f"{S}.build.scan.fixable_only",
        "allow": f"{S}.build.scan.allow",
        "max_wait": f"{S}.build.scan.max_wait_minutes",
        "mode": f"{S}.build.scan.mode",
        "enhanced_scanning": f"{S}.build.scan.enhanced_scanning",
    },
    library.AllowedFinding: {
        name: f"{S}.build.scan.allow.N.{name}" for name in ("id", "reason", "expires")
    },
    library.PullThroughCache: {"prefix": f"{S}.build.pull_through_cache"},
    library.EcsRollingPipeline: {
        **PIPELINE,
        "container_name": f"{S}.existing_service.container_name",
        "task_roles": f"{S}.existing_service.task_role_arns",
        "task_definition_family": "narrows what the role of an imported service may register",
    },
    library.BlueGreenPipeline: {**PIPELINE, "engine": f"{S}.blue_green.engine"},
    library.PipelineControls: CONTROLS,
    library.Approval: {
        "name": DEFAULT,
        "topic": f"{S}.release.approval.topic_arn",
        "link": f"{S}.release.approval.link",
        "message": f"{S}.release.approval.message",
        "timeout": f"{S}.release.approval.timeout_minutes",
    },
    library.DeploymentWindow: {
        name: f"{S}.release.deployment_window.{name}" for name in ("cron", "time_zone")
    },
    library.AlarmCheck: {
        "alarms": f"{S}.release.alarms.names",
        "wait": f"{S}.release.alarms.wait_minutes",
    },
    library.AlarmWatch: {
        "alarms": f"{S}.release.alarms.names",
        "duration": f"{S}.release.alarms.watch_minutes",
        "on_alarm": f"{S}.release.alarms.on_alarm",
    },
    library.PushTrigger: {
        name: f"{S}.release.triggers.N.{name}"
        for name in (
            "branches",
            "branches_excluded",
            "tags",
            "tags_excluded",
            "file_paths",
            "file_paths_excluded",
        )
    },
    library.PullRequestTrigger: {
        "deploys_unmerged_code": "a pipeline to a test environment has an app of its own",
        "events": DEFAULT,
        "branches": f"{S}.pull_requests.branches",
        "branches_excluded": f"{S}.pull_requests.branches_excluded",
        "file_paths": f"{S}.pull_requests.file_paths",
        "file_paths_excluded": f"{S}.pull_requests.file_paths_excluded",
    },
    library.PullRequestPipeline: {
        "source": f"{S}.source",
        "build": f"{S}.build",
        "trigger": f"{S}.pull_requests",
        "pipeline_name": f"{S}.name",
        "artifact_bucket": PIPELINE["artifact_bucket"],
    },
    library.PullRequestRepository: {"repository_name": f"{S}.name", "days": DEFAULT},
    library.Source.github: {
        "connection_arn": f"{S}.source.connection_arn",
        "repository": f"{S}.source.repository",
        "branch": f"{S}.source.branch",
        "host": "is the label of images alone",
        "full_clone": f"{S}.source.full_clone",
        "trigger_on_push": "a release that nothing starts is frozen: release.frozen",
    },
    library.Source.code_commit: {
        "repository": f"{S}.source.repository",
        "branch": f"{S}.source.branch",
        "full_clone": f"{S}.source.full_clone",
        "trigger_on_push": "a release that nothing starts is frozen: release.frozen",
    },
    library.ReleaseRecorder: {
        "timeout": "one recorder waits for all services; the longest is its default",
        "log_retention": "logs.retention_days",
    },
    library.DriftDetector: {"interval": DEFAULT, "log_retention": "logs.retention_days"},
    library.AlertTopic: {
        "emails": "monitoring.emails",
        "notify_on": "monitoring.notify_on",
        "encryption_key": DEFAULT,
    },
    library.SlackNotifier: {
        "slack": "monitoring.slack.parameter",
        "notify_on": "monitoring.notify_on",
        "docs_url": "monitoring.slack.docs_url",
        "alarm_topic": WIRED,
        "alarms": DEFAULT,
        "log_retention": "logs.retention_days",
    },
    library.ChatApplication: {
        "configuration_name": "name",
        "slack_workspace_id": "monitoring.chat_application.workspace_id",
        "slack_channel_id": "monitoring.chat_application.channel_id",
        "notify_on": "monitoring.notify_on",
        "encryption_key": DEFAULT,
    },
    library.PipelineAlarms: {
        "name": f"{S}.name",
        "notifications": "monitoring",
        "pipeline": WIRED,
        "build": WIRED,
        "service": WIRED,
        "target_groups": WIRED,
        "repository": WIRED,
        "deployment_group": WIRED,
        "events": "monitoring.events",
        "alarms": "monitoring.thresholds",
    },
    library.Threshold: {
        "value": "monitoring.thresholds.<name>.value",
        "period": "monitoring.thresholds.<name>.period_minutes",
        "periods": "monitoring.thresholds.<name>.periods",
        "datapoints": "monitoring.thresholds.<name>.datapoints",
    },
    library.AnomalyBand: {
        "deviations": "monitoring.anomaly_deviations",
        "period": DEFAULT,
        "periods": DEFAULT,
    },
    library.DeliveryDashboard: {"dashboard_name": "name", "services": WIRED, "notifier": WIRED},
    library.FunctionAlarm: dict.fromkeys(("name", "function", "notifications", "interval"), WIRED),
}
"""For each parameter the setting that it comes from, or why it comes from none."""

NOT_OF_SETTINGS = {
    "ArtifactBucket": PIPELINE["artifact_bucket"],
    "BuildReport": CODE,
    "BuildSecret": "its settings are those of the sections that have secrets",
    "Check": CODE,
    "CodeDeployTarget": CODE,
    "DockerHubCredentials": "its settings are build.docker_hub",
    "ImagePointer": WIRED,
    "PhaseCommands": "commands of one's own are in a buildspec, which is a setting",
    "SlackBot": "its settings are monitoring.slack",
    "SlackWebhook": "its settings are monitoring.slack",
    "Source": "its two kinds are above",
    "TrafficShift": "its settings are blue_green.traffic_shift",
    "ValidationHook": CODE,
}
"""Classes that no setting has a word for, and why."""


def parameters(made: Callable[..., Any]) -> set[str]:
    function = inspect.unwrap(made.__init__ if inspect.isclass(made) else made)
    return set(inspect.signature(function).parameters) - {"self", "scope", "construct_id"}


@pytest.mark.parametrize("made", SAID, ids=lambda made: made.__qualname__)
def test_each_parameter_is_a_setting_or_has_a_reason(made: Callable[..., Any]) -> None:
    assert set(SAID[made]) == parameters(made)
    known = {path for path, _, _ in setting_paths()}
    for name, said in SAID[made].items():
        assert said in known or " " in said, f"{name}: {said} is neither a setting nor a reason"


def test_each_class_that_is_configured_is_looked_at() -> None:
    """So that a new one is."""
    configured = {
        name
        for name in library.__all__
        if inspect.isclass(getattr(library, name))
        and not issubclass(getattr(library, name), str)
        and not getattr(getattr(library, name), "_is_protocol", False)
        and not inspect.isabstract(getattr(library, name))
    } | {"Source"}
    looked_at = {made.__qualname__ for made in SAID if inspect.isclass(made)}
    assert configured - looked_at - set(NOT_OF_SETTINGS) == set()
    assert set(NOT_OF_SETTINGS) <= configured
