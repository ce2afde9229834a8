"""The resources of requests: what a call is made on.

Of each action the name of what it is made on, in the words of the service authorization reference,
with members of the request in it. A list in a request makes a resource of each of its entries. What
is missing in a request is called ``unnamed``: a policy must then allow the action for any name.
Whether an action can be scoped at all, and to which types, the evaluator knows.

Services that are not here have the resources that the emulator finds itself.
"""

import itertools
import string
from collections.abc import Mapping
from typing import Any, Final

from local.emulator import scope
from local.emulator.code_deploy.deployments import deployments

_UNNAMED: Final = "unnamed"

# Action, or service:* -> resource within the service's ARNs; what is an ARN already, alone.
_RESOURCES: Final = {
    "cloudformation:DescribeStacks": "stack/{StackName}/unnamed",
    "cloudwatch:*": "alarm:{AlarmNames}",
    "codebuild:*": "project/{projectName}",
    "codebuild:BatchGetBuilds": "project/{ids}",
    "codebuild:StopBuild": "project/{id}",
    "codedeploy:*": "deploymentgroup:{applicationName}/{deploymentGroupName}",
    "codedeploy:GetApplication": "application:{applicationName}",
    "codedeploy:GetApplicationRevision": "application:{applicationName}",
    "codedeploy:GetDeploymentConfig": "deploymentconfig:{deploymentConfigName}",
    "codedeploy:RegisterApplicationRevision": "application:{applicationName}",
    "codepipeline:*": "{pipelineName}",
    "codepipeline:GetPipeline": "{name}",
    "codepipeline:GetPipelineState": "{name}",
    "codepipeline:PutApprovalResult": "{pipelineName}/{stageName}/{actionName}",
    "codepipeline:RetryStageExecution": "{pipelineName}/{stageName}",
    "codepipeline:StartPipelineExecution": "{name}",
    "ecr:*": "repository/{repositoryName}",
    "ecr:DescribeRepositories": "repository/{repositoryNames}",
    "ecs:*": "cluster/{cluster}",
    "ecs:CreateService": "service/{cluster}/{serviceName}",
    "ecs:CreateTaskSet": "task-set/{cluster}/{service}/unnamed",
    "ecs:DeleteService": "service/{cluster}/{service}",
    "ecs:DeleteTaskSet": "task-set/{cluster}/{service}/{taskSet}",
    "ecs:DescribeServiceDeployments": "{serviceDeploymentArns}",
    "ecs:DescribeServiceRevisions": "{serviceRevisionArns}",
    "ecs:DescribeServices": "service/{cluster}/{services}",
    "ecs:DescribeTasks": "task/{cluster}/{tasks}",
    "ecs:ExecuteCommand": "task/{cluster}/{task}",
    "ecs:ListServiceDeployments": "service/{cluster}/{service}",
    "ecs:ListTasks": "container-instance/{cluster}/unnamed",
    "ecs:RegisterTaskDefinition": "task-definition/{family}:1",
    "ecs:RunTask": "task-definition/{taskDefinition}",
    "ecs:StopTask": "task/{cluster}/{task}",
    "ecs:TagResource": "{resourceArn}",
    "ecs:UpdateService": "service/{cluster}/{service}",
    "ecs:UpdateServicePrimaryTaskSet": "service/{cluster}/{service}",
    "elasticloadbalancing:DeregisterTargets": "{TargetGroupArn}",
    "elasticloadbalancing:ModifyListener": "{ListenerArn}",
    "elasticloadbalancing:ModifyRule": "{RuleArn}",
    "elasticloadbalancing:RegisterTargets": "{TargetGroupArn}",
    "events:PutEvents": "event-bus/default",
    "logs:*": "log-group:{logGroupName}:log-stream:{logStreamName}",
    "ssm:*": "parameter/{Name}",
    "ssm:GetParameters": "parameter/{Names}",
    "ssm:GetParametersByPath": "parameter/{Path}",
}
# Names that requests may give as ARNs, of which the last part counts; builds have ids of their own.
_LAST_PART: Final = {
    "cluster",
    "service",
    "services",
    "task",
    "taskDefinition",
    "taskSet",
    "tasks",
}


def of(action: str, request: Mapping[str, Any], otherwise: str) -> list[str]:
    """Return the ARNs of what a request is made on.

    Parameters
    ----------
    action
        IAM's name of the action.
    request
        Members of the request.
    otherwise
        What the emulator takes for the resource.
    """
    service = action.partition(":")[0]
    pattern = _RESOURCES.get(action) or _RESOURCES.get(f"{service}:*")
    if pattern is None:
        return [otherwise]
    if action.startswith("codedeploy:") and "deploymentId" in request:
        request = deployments.get(request["deploymentId"], {})
    members = [name for _, name, _, _ in string.Formatter().parse(pattern) if name]
    choices = [_names(name, request) for name in members]
    found = [
        pattern.format_map(dict(zip(members, chosen, strict=True)))
        for chosen in itertools.product(*choices)
    ]
    return [each if each.startswith("arn:") else scope.arn(service, each) for each in found]


def _names(member: str, request: Mapping[str, Any]) -> list[str]:
    value = request.get(member)
    match member:
        case "cluster":
            value = value or "default"
        case "logGroupName":
            # Some of its operations take an ARN in the place of a name.
            value = value or (request.get("logGroupIdentifier") or "").rpartition("log-group:")[2]
        case "logStreamName":
            # Of what is made on a group alone, AWS names the stream by nothing.
            value = value or ""
            return [value]
    values = value if isinstance(value, list) else [value]
    return [_name(member, each) for each in values] or [_UNNAMED]


def _name(member: str, value: Any) -> str:
    if value is None or value == "":
        return _UNNAMED
    text = str(value)
    if member in _LAST_PART:
        return text.rpartition("/")[2]
    if member in ("id", "ids"):
        return text.rpartition("/")[2].partition(":")[0]
    if member in ("Name", "Names", "Path"):
        return text.rpartition(":parameter/")[2].lstrip("/")
    return text
