"""Templates with what a delivery pipeline consists of."""

from collections.abc import Mapping, Sequence
from typing import Any

DEFINITIONS = "imagedefinitions.json"


def project(buildspec: Any, **properties: Any) -> dict[str, Any]:
    source = properties.pop("Source", {"Type": "CODEPIPELINE"})
    kind = source["Type"] if source["Type"] == "CODEPIPELINE" else "NO_ARTIFACTS"
    environment = {
        "Type": "LINUX_CONTAINER",
        "ComputeType": "BUILD_GENERAL1_SMALL",
        "Image": "aws/codebuild/standard:7.0",
    }
    return {
        "Type": "AWS::CodeBuild::Project",
        "Properties": {
            "ServiceRole": "arn:aws:iam::111111111111:role/build",
            "Artifacts": {"Type": kind},
            **properties,
            "Source": {**source, "BuildSpec": buildspec},
            "Environment": {**environment, **properties.get("Environment", {})},
        },
    }


def action(
    category: str,
    provider: str,
    configuration: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    kind = {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}
    return {
        "Name": name or provider,
        "ActionTypeId": kind,
        "Configuration": dict(configuration or {}),
        "InputArtifacts": [{"Name": each} for each in inputs],
        "OutputArtifacts": [{"Name": each} for each in outputs],
        "RunOrder": 1,
        **more,
    }


def source(repository: str, **configuration: Any) -> dict[str, Any]:
    wanted = {
        "ConnectionArn": {"Fn::GetAtt": ["Connection", "ConnectionArn"]},
        "FullRepositoryId": repository,
        "BranchName": "main",
        **configuration,
    }
    return action(
        *("Source", "CodeStarSourceConnection", wanted),
        name="Source",
        outputs=["Source"],
        Namespace="SourceVariables",
    )


def approval(name: str = "Approve") -> dict[str, Any]:
    return action("Approval", "Manual", name=name)


def pipeline_template(
    stages: Mapping[str, Sequence[dict[str, Any]]],
    resources: Mapping[str, Any] | None = None,
    **properties: Any,
) -> dict[str, Any]:
    pipeline = {
        "RoleArn": "arn:aws:iam::111111111111:role/pipeline",
        "PipelineType": "V2",
        "ArtifactStore": {"Type": "S3", "Location": {"Ref": "Artifacts"}},
        "Stages": [{"Name": name, "Actions": actions} for name, actions in stages.items()],
        **properties,
    }
    return {
        "Resources": {
            "Artifacts": {"Type": "AWS::S3::Bucket"},
            "Connection": {
                "Type": "AWS::CodeConnections::Connection",
                "Properties": {"ConnectionName": "code", "ProviderType": "GitHub"},
            },
            "Pipeline": {"Type": "AWS::CodePipeline::Pipeline", "Properties": pipeline},
            **(resources or {}),
        },
        "Outputs": {
            "Pipeline": {"Value": {"Ref": "Pipeline"}},
            "Artifacts": {"Value": {"Ref": "Artifacts"}},
            "Connection": {"Value": {"Ref": "Connection"}},
        },
    }


def ecs_resources() -> dict[str, Any]:
    return {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Definition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Cpu": "256",
                "Memory": "512",
                "NetworkMode": "awsvpc",
                "RequiresCompatibilities": ["FARGATE"],
                "RuntimePlatform": {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
                "Tags": [{"Key": "owner", "Value": "team"}],
                "ContainerDefinitions": [
                    {
                        "Name": "app",
                        "Image": "seed:1",
                        "Secrets": [{"Name": "KEY", "ValueFrom": "/key"}],
                        "HealthCheck": {"Command": ["CMD", "true"], "Interval": 5},
                        "DockerLabels": {"Some.Label": "1"},
                        "LogConfiguration": {
                            "LogDriver": "awslogs",
                            "Options": {"awslogs-group": "g"},
                            "SecretOptions": [{"Name": "o", "ValueFrom": "/o"}],
                        },
                    },
                    {"Name": "sidecar", "Image": "sidecar:1"},
                ],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "Cluster": {"Ref": "Cluster"},
                "TaskDefinition": {"Ref": "Definition"},
                "DesiredCount": 2,
                "LaunchType": "FARGATE",
                "HealthCheckGracePeriodSeconds": 30,
                "DeploymentController": {"Type": "ECS"},
                "DeploymentConfiguration": {
                    "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
                    "MinimumHealthyPercent": 100,
                    "MaximumPercent": 200,
                },
            },
        },
    }


def ecs_deploy(**configuration: Any) -> dict[str, Any]:
    wanted = {
        "ClusterName": {"Ref": "Cluster"},
        "ServiceName": {"Fn::GetAtt": ["Service", "Name"]},
        **configuration,
    }
    return action("Deploy", "ECS", wanted, name="Deploy", inputs=["Source"])
