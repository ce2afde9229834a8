"""Constructs that take a repository with a Dockerfile to production on Amazon ECS."""

from container_pipelines._watched import ReleasePipeline
from container_pipelines.alert_topic import AlertTopic
from container_pipelines.artifact_bucket import ArtifactBucket
from container_pipelines.blue_green_pipeline import BlueGreenPipeline
from container_pipelines.build_project import BuildProject
from container_pipelines.build_report import BuildReport, ReportFormat
from container_pipelines.build_secret import BuildSecret
from container_pipelines.buildspec import PhaseCommands
from container_pipelines.channels import Channel, no_notifications
from container_pipelines.chat_application import ChatApplication
from container_pipelines.code_deploy_target import CodeDeployTarget
from container_pipelines.delivery_dashboard import DeliveryDashboard
from container_pipelines.deploy_conditions import (
    AlarmCheck,
    AlarmResponse,
    AlarmWatch,
    DeploymentWindow,
)
from container_pipelines.deployments import (
    CodeDeployBlueGreen,
    EcsBlueGreen,
    Engine,
    LiveGroup,
    OnTimeout,
    Pause,
)
from container_pipelines.docker_build import DockerBuild, Platform
from container_pipelines.docker_hub import DockerHubCredentials, PullThroughCache
from container_pipelines.ecr_repo import EcrRepo
from container_pipelines.ecs_rolling_pipeline import EcsRollingPipeline
from container_pipelines.gates import Approval, Check, Gate
from container_pipelines.image_pointer import SEED_IMAGE, ImagePointer
from container_pipelines.load_balanced_service import LoadBalancedService
from container_pipelines.news import DEFAULT_EVENTS, DEFAULT_NEWS, EventKind, News
from container_pipelines.pipeline_alarms import PipelineAlarms
from container_pipelines.pipeline_controls import OnFailure, PipelineControls
from container_pipelines.release_recorder import ReleaseRecorder
from container_pipelines.scan_gate import AllowedFinding, ScanGate, ScanGateMode, Severity
from container_pipelines.service_options import HealthCheck, Scaling
from container_pipelines.slack_credential import SlackBot, SlackWebhook
from container_pipelines.slack_notifier import (
    DEFAULT_NOTIFIER_THRESHOLDS,
    NotifierAlarm,
    SlackNotifier,
)
from container_pipelines.source import Source
from container_pipelines.thresholds import (
    DEFAULT_THRESHOLDS,
    AlarmName,
    AnomalyBand,
    Threshold,
)
from container_pipelines.traffic_shift import TrafficShift
from container_pipelines.triggers import PullRequestTrigger, PushTrigger
from container_pipelines.validation_hooks import HookStage, HttpProbe, ValidationHook

__all__ = [
    "DEFAULT_EVENTS",
    "DEFAULT_NEWS",
    "DEFAULT_NOTIFIER_THRESHOLDS",
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
    "EcrRepo",
    "EcsBlueGreen",
    "EcsRollingPipeline",
    "Engine",
    "EventKind",
    "Gate",
    "HealthCheck",
    "HookStage",
    "HttpProbe",
    "ImagePointer",
    "LiveGroup",
    "LoadBalancedService",
    "News",
    "NotifierAlarm",
    "OnFailure",
    "OnTimeout",
    "Pause",
    "PhaseCommands",
    "PipelineAlarms",
    "PipelineControls",
    "Platform",
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
