"""Constructs that take a repository with a Dockerfile to production on Amazon ECS."""

from container_pipelines.artifact_bucket import ArtifactBucket
from container_pipelines.build_project import BuildProject
from container_pipelines.build_report import BuildReport, ReportFormat
from container_pipelines.build_secret import BuildSecret
from container_pipelines.buildspec import PhaseCommands
from container_pipelines.docker_build import DockerBuild, Platform
from container_pipelines.docker_hub import DockerHubCredentials, PullThroughCache
from container_pipelines.ecr_repo import EcrRepo
from container_pipelines.ecs_rolling_pipeline import EcsRollingPipeline
from container_pipelines.image_pointer import SEED_IMAGE, ImagePointer
from container_pipelines.load_balanced_service import LoadBalancedService
from container_pipelines.scan_gate import AllowedFinding, ScanGate, ScanGateMode, Severity
from container_pipelines.service_options import HealthCheck, Scaling
from container_pipelines.source import Source

__all__ = [
    "SEED_IMAGE",
    "AllowedFinding",
    "ArtifactBucket",
    "BuildProject",
    "BuildReport",
    "BuildSecret",
    "DockerBuild",
    "DockerHubCredentials",
    "EcrRepo",
    "EcsRollingPipeline",
    "HealthCheck",
    "ImagePointer",
    "LoadBalancedService",
    "PhaseCommands",
    "Platform",
    "PullThroughCache",
    "ReportFormat",
    "Scaling",
    "ScanGate",
    "ScanGateMode",
    "Severity",
    "Source",
]
