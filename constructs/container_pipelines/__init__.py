"""Constructs that take a repository with a Dockerfile to production on Amazon ECS."""

from container_pipelines.build.build_project import BuildProject
from container_pipelines.build.build_report import BuildReport, ReportFormat
from container_pipelines.build.build_secret import BuildSecret
from container_pipelines.build.buildspec import PhaseCommands
from container_pipelines.build.docker_build import DockerBuild, LayerCache, Platform
from container_pipelines.build.docker_hub import DockerHubCredentials, PullThroughCache
from container_pipelines.build.scan_gate import AllowedFinding, ScanGate, ScanGateMode, Severity
from container_pipelines.monitoring.alert_topic import AlertTopic
from container_pipelines.monitoring.channels import Channel, no_notifications
from container_pipelines.monitoring.chat_application import ChatApplication
from container_pipelines.monitoring.delivery_dashboard import DeliveryDashboard
from container_pipelines.monitoring.function_alarm import FunctionAlarm
from container_pipelines.monitoring.monitored_resources import ReleasePipeline
from container_pipelines.monitoring.notifications import (
    DEFAULT_EVENTS,
    DEFAULT_NOTIFY_ON,
    EventKind,
    NotifyOn,
)
from container_pipelines.monitoring.pipeline_alarms import PipelineAlarms
from container_pipelines.monitoring.slack_credential import SlackBot, SlackWebhook
from container_pipelines.monitoring.slack_notifier import (
    DEFAULT_NOTIFIER_THRESHOLDS,
    NotifierAlarm,
    SlackNotifier,
)
from container_pipelines.monitoring.thresholds import (
    DEFAULT_THRESHOLDS,
    AlarmName,
    AnomalyBand,
    Threshold,
)
from container_pipelines.pipeline.artifact_bucket import ArtifactBucket
from container_pipelines.pipeline.blue_green_pipeline import BlueGreenPipeline
from container_pipelines.pipeline.deploy_conditions import (
    AlarmCheck,
    AlarmResponse,
    AlarmWatch,
    DeploymentWindow,
)
from container_pipelines.pipeline.drift_detector import DriftDetector
from container_pipelines.pipeline.ecs_rolling_pipeline import EcsRollingPipeline
from container_pipelines.pipeline.gates import Approval, Check, Gate
from container_pipelines.pipeline.pipeline_controls import OnDrift, OnFailure, PipelineControls
from container_pipelines.pipeline.pull_request_pipeline import PullRequestPipeline
from container_pipelines.pipeline.release_recorder import ReleaseRecorder
from container_pipelines.pipeline.source import Source
from container_pipelines.pipeline.triggers import PullRequestTrigger, PushTrigger
from container_pipelines.registry.ecr_repo import EcrRepo
from container_pipelines.registry.image_pointer import SEED_IMAGE, ImagePointer
from container_pipelines.registry.pull_request_repository import PullRequestRepository
from container_pipelines.service.code_deploy_target import CodeDeployTarget
from container_pipelines.service.deployments import (
    CodeDeployBlueGreen,
    EcsBlueGreen,
    Engine,
    LiveGroup,
    OnTimeout,
    Pause,
)
from container_pipelines.service.load_balanced_service import LoadBalancedService
from container_pipelines.service.service_options import HealthCheck, Scaling
from container_pipelines.service.traffic_shift import TrafficShift
from container_pipelines.service.validation_hooks import HookStage, HttpProbe, ValidationHook

__all__ = [
    "DEFAULT_EVENTS",
    "DEFAULT_NOTIFIER_THRESHOLDS",
    "DEFAULT_NOTIFY_ON",
    "DEFAULT_THRESHOLDS",
    "SEED_IMAGE",
    "AlarmCheck",
    "AlarmName",
    "AlarmResponse",
    "AlarmWatch",
    "AlertTopic",
    "AllowedFinding",
    "AnomalyBand",
    "Approval",
    "ArtifactBucket",
    "BlueGreenPipeline",
    "BuildProject",
    "BuildReport",
    "BuildSecret",
    "Channel",
    "ChatApplication",
    "Check",
    "CodeDeployBlueGreen",
    "CodeDeployTarget",
    "DeliveryDashboard",
    "DeploymentWindow",
    "DockerBuild",
    "DockerHubCredentials",
    "DriftDetector",
    "EcrRepo",
    "EcsBlueGreen",
    "EcsRollingPipeline",
    "Engine",
    "EventKind",
    "FunctionAlarm",
    "Gate",
    "HealthCheck",
    "HookStage",
    "HttpProbe",
    "ImagePointer",
    "LayerCache",
    "LiveGroup",
    "LoadBalancedService",
    "NotifierAlarm",
    "NotifyOn",
    "OnDrift",
    "OnFailure",
    "OnTimeout",
    "Pause",
    "PhaseCommands",
    "PipelineAlarms",
    "PipelineControls",
    "Platform",
    "PullRequestPipeline",
    "PullRequestRepository",
    "PullRequestTrigger",
    "PullThroughCache",
    "PushTrigger",
    "ReleasePipeline",
    "ReleaseRecorder",
    "ReportFormat",
    "Scaling",
    "ScanGate",
    "ScanGateMode",
    "Severity",
    "SlackBot",
    "SlackNotifier",
    "SlackWebhook",
    "Source",
    "Threshold",
    "TrafficShift",
    "ValidationHook",
    "no_notifications",
]
