"""Templates with what CodeDeploy deploys."""

from collections.abc import Mapping
from typing import Any

from tests.local.emulator.driver import ACCOUNT

ROLLBACK = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"]

# What it does depends on its name's end; it leaves the ids where a test finds them.
HOOK = """
import boto3, os
def handler(event, context):
    what = os.environ["WHAT"]
    if what == "break":
        raise RuntimeError("broken")
    ids = event["DeploymentId"] + " " + event["LifecycleEventHookExecutionId"]
    boto3.client("ssm").put_parameter(
        Name=context.function_name, Value=ids, Type="String", Overwrite=True
    )
    if what != "silent":
        boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status=what,
        )
"""


def hook(what: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/function",
            "Code": {"ZipFile": HOOK},
            "Timeout": 20,
            "Environment": {"Variables": {"WHAT": what}},
        },
    }


def container(image: str) -> dict[str, Any]:
    return {
        "name": "app",
        "image": image,
        "memory": 64,
        "portMappings": [{"containerPort": 80}],
    }


def template(
    name: str,
    routing: Mapping[str, Any] | None,
    approval: int | None,
    termination: int,
    rule: bool,
    group: Mapping[str, Any],
) -> dict[str, Any]:
    ready: dict[str, Any] = {"ActionOnTimeout": "CONTINUE_DEPLOYMENT", "WaitTimeInMinutes": 0}
    if approval is not None:
        ready = {"ActionOnTimeout": "STOP_DEPLOYMENT", "WaitTimeInMinutes": approval}
    config: dict[str, Any] = {}
    if routing:
        properties = {"ComputePlatform": "ECS", "TrafficRoutingConfig": routing}
        config = {"Config": {"Type": "AWS::CodeDeploy::DeploymentConfig", "Properties": properties}}
    resources: dict[str, Any] = {
        **{
            color: {
                "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
                "Properties": {
                    "Name": f"{name}-{color.lower()}",
                    "Port": 80,
                    "Protocol": "HTTP",
                    "TargetType": "ip",
                    "VpcId": "vpc-1",
                },
            }
            for color in ("Blue", "Green")
        },
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Name": name, "Subnets": ["subnet-1", "subnet-2"]},
        },
        **_listener("Production", 80, rule),
        **_listener("Test", 8080, rule),
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": name}},
        "Definition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": name,
                "NetworkMode": "awsvpc",
                "ContainerDefinitions": [
                    {
                        "Name": "app",
                        "Image": "good:1",
                        "Memory": 64,
                        "PortMappings": [{"ContainerPort": 80}],
                    }
                ],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "DependsOn": ["Production", "Definition"],
            "Properties": {
                "ServiceName": name,
                "Cluster": {"Ref": "Cluster"},
                "TaskDefinition": name,
                "DesiredCount": 1,
                "LaunchType": "FARGATE",
                "DeploymentController": {"Type": "CODE_DEPLOY"},
                "LoadBalancers": [
                    {
                        "ContainerName": "app",
                        "ContainerPort": 80,
                        "TargetGroupArn": {"Ref": "Blue"},
                    }
                ],
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": name,
                "Namespace": name,
                "MetricName": "Errors",
                "ComparisonOperator": "GreaterThanThreshold",
                "EvaluationPeriods": 1,
                "Period": 60,
                "Statistic": "Sum",
                "Threshold": 1,
            },
        },
        "Application": {
            "Type": "AWS::CodeDeploy::Application",
            "Properties": {"ComputePlatform": "ECS"},
        },
        **config,
        "Group": {
            "Type": "AWS::CodeDeploy::DeploymentGroup",
            "DependsOn": ["Service", "Alarm"],
            "Properties": {
                "ApplicationName": {"Ref": "Application"},
                "ServiceRoleArn": f"arn:aws:iam::{ACCOUNT}:role/deploy",
                "DeploymentConfigName": {"Ref": "Config"}
                if routing
                else "CodeDeployDefault.ECSAllAtOnce",
                "DeploymentStyle": {
                    "DeploymentType": "BLUE_GREEN",
                    "DeploymentOption": "WITH_TRAFFIC_CONTROL",
                },
                "AutoRollbackConfiguration": {"Enabled": True, "Events": ROLLBACK},
                "AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": name}]},
                "BlueGreenDeploymentConfiguration": {
                    "DeploymentReadyOption": ready,
                    "TerminateBlueInstancesOnDeploymentSuccess": {
                        "Action": "TERMINATE",
                        "TerminationWaitTimeInMinutes": termination,
                    },
                },
                "ECSServices": [{"ClusterName": name, "ServiceName": name}],
                "LoadBalancerInfo": {
                    "TargetGroupPairInfoList": [
                        {
                            "ProdTrafficRoute": {"ListenerArns": [{"Ref": "Production"}]},
                            "TestTrafficRoute": {"ListenerArns": [{"Ref": "Test"}]},
                            "TargetGroups": [
                                {"Name": {"Fn::GetAtt": [color, "TargetGroupName"]}}
                                for color in ("Blue", "Green")
                            ],
                        }
                    ]
                },
                **group,
            },
        },
    }
    return {"Resources": resources}


def _listener(name: str, port: int, rule: bool) -> dict[str, Any]:
    forward = [{"Type": "forward", "TargetGroupArn": {"Ref": "Blue"}}]
    nothing = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    listener = {
        "Type": "AWS::ElasticLoadBalancingV2::Listener",
        "Properties": {
            "LoadBalancerArn": {"Ref": "Balancer"},
            "Port": port,
            "Protocol": "HTTP",
            "DefaultActions": nothing if rule else forward,
        },
    }
    if not rule:
        return {name: listener}
    own = {
        "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
        "Properties": {
            "ListenerArn": {"Ref": name},
            "Priority": 1,
            "Conditions": [{"Field": "path-pattern", "Values": ["/shop/*"]}],
            "Actions": forward,
        },
    }
    return {name: listener, f"{name}Rule": own}
