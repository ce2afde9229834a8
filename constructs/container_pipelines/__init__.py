"""Constructs that take a repository with a Dockerfile to production on Amazon ECS."""

from container_pipelines.artifact_bucket import ArtifactBucket
from container_pipelines.build_project import BuildProject
from container_pipelines.build_report import BuildReport, ReportFormat
from container_pipelines.build_secret import BuildSecret
from container_pipelines.buildspec import PhaseCommands
from container_pipelines.deploy_conditions import (
    AlarmCheck,
    AlarmResponse,
    AlarmWatch,
    DeploymentWindow,
)
from container_pipelines.docker_build import DockerBuild, Platform
from container_pipelines.docker_hub import DockerHubCredentials, PullThroughCache
from container_pipelines.ecr_repo import EcrRepo
from container_pipelines.ecs_rolling_pipeline import EcsRollingPipeline
from container_pipelines.gates import Approval, Check, Gate
from container_pipelines.image_pointer import SEED_IMAGE, ImagePointer
from container_pipelines.load_balanced_service import LoadBalancedService
from container_pipelines.pipeline_controls import OnFailure, PipelineControls
from container_pipelines.release_recorder import ReleaseRecorder
from container_pipelines.scan_gate import AllowedFinding, ScanGate, ScanGateMode, Severity
from container_pipelines.service_options import HealthCheck, Scaling
from container_pipelines.source import Source
from container_pipelines.triggers import PullRequestTrigger, PushTrigger

__all__ = [
    "SEED_IMAGE",
    "AlarmCheck",
    "AlarmResponse",
    "AlarmWatch",
    "AllowedFinding",
    "Approval",
    "ArtifactBucket",
    "BuildProject",
    "BuildReport",
    "BuildSecret",
    "Check",
    "DeploymentWindow",
    "DockerBuild",
    "DockerHubCredentials",
    "EcrRepo",
    "EcsRollingPipeline",
    "Gate",
    "HealthCheck",
    "ImagePointer",
    "LoadBalancedService",
    "OnFailure",
    "PhaseCommands",
    "PipelineControls",
    "Platform",
    "PullRequestTrigger",
    "PullThroughCache",
    "PushTrigger",
    "ReleaseRecorder",
    "ReportFormat",
    "Scaling",
    "ScanGate",
    "ScanGateMode",
    "Severity",
    "Source",
]
