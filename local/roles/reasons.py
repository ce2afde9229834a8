"""Why roles may do what they may do: for each action, with exceptions for single roles."""

from collections.abc import Mapping
from typing import Final

# What each role is for, by its name without its stack, and who has it.
ROLES: Final[Mapping[str, str]] = {
    "BuildRole": "The build (CodeBuild)",
    "CustomVpcRestrictDefaultSGCustomResourceProviderRole": (
        "Empties the VPC's default security group (function of the CDK)"
    ),
    "DriftDetectorRole": "The drift detector (function)",
    "ImagePointerMakerRole": "Makes the image pointer's parameters (function, at deployment)",
    "PullRequestBuildRole": "The build of pull requests (CodeBuild)",
    "PullRequestsBuildRole": "Pipeline of pull requests, action that builds",
    "PullRequestsRole": "The pipeline of pull requests itself",
    "PullRequestsSourceRole": "Pipeline of pull requests, action that takes the source",
    "RecorderRole": "The release recorder (function)",
    "ReleaseBuildRole": "Pipeline, action that builds",
    "ReleaseCodeDeployRole": "CodeDeploy, while it deploys",
    "ReleaseDeployRole": "Pipeline, action that deploys",
    "ReleaseDriftRole": "The drift detector, for one pipeline",
    "ReleaseRecordRecording": "The release recorder, for one pipeline",
    "ReleaseRecordRole": "Pipeline, action that records",
    "ReleaseRole": "The pipeline itself",
    "ReleaseSourceRole": "Pipeline, action that takes the source",
    "ServiceExecutionRole": "ECS, when it starts a task",
    "ServiceInfrastructureRole": "ECS, while it shifts traffic",
    "ServiceTaskRole": "The application",
    "SlackRole": "The Slack notifier (function)",
    "VpcRejectedIAMRole": "The VPC's flow logs",
}

_PUSH: Final = "pushes the image and the layer cache"
_PULL: Final = "pulls the image"
_CACHES: Final = "reads the layer caches, the releases' and its own"
_LOOK: Final = "follows the deployment"
_ARTIFACTS: Final = "hands artifacts on between the actions"
_TASK_SETS: Final = "puts new tasks in the place of the old ones"
_LISTENERS: Final = "finds the rules and target groups that lead to the service"
_LOGS: Final = "writes its log"
_QUEUE: Final = "keeps what Slack did not take, and tries it again"

REASONS: Final[Mapping[str, str]] = {
    "cloudformation:DescribeStacks": "starts no release while the service's stack is updated",
    "codebuild:BatchGetBuilds": "follows the build",
    "codebuild:StartBuild": "starts the build",
    "codebuild:StopBuild": "ends the build of a release that is stopped",
    "codeconnections:UseConnection": "reads the released repository",
    "codestar-connections:UseConnection": "the same, by the service's older name",
    "codedeploy:CreateDeployment": "starts the deployment",
    "codedeploy:GetApplication": "finds the application",
    "codedeploy:GetApplicationRevision": "finds the revision",
    "codedeploy:GetDeployment": _LOOK,
    "codedeploy:GetDeploymentConfig": "finds how traffic is shifted",
    "codedeploy:RegisterApplicationRevision": "registers the AppSpec",
    "codepipeline:GetPipelineExecution": "finds what was released and how that ended",
    "codepipeline:GetPipelineState": "starts no release while releases are frozen",
    "codepipeline:ListActionExecutions": "finds which action failed, and why",
    "codepipeline:ListPipelineExecutions": "finds how the release before ended",
    "ReleaseDriftRole codepipeline:ListPipelineExecutions": "starts no release while another runs",
    "codepipeline:PutJobFailureResult": "answers the pipeline",
    "codepipeline:PutJobSuccessResult": "answers the pipeline",
    "codepipeline:StartPipelineExecution": "has the recorded image released again",
    "ec2:AuthorizeSecurityGroupEgress": "puts the default rules back when the stack is deleted",
    "ec2:AuthorizeSecurityGroupIngress": "puts the default rules back when the stack is deleted",
    "ec2:RevokeSecurityGroupEgress": "removes the default rules",
    "ec2:RevokeSecurityGroupIngress": "removes the default rules",
    "ecr:BatchCheckLayerAvailability": _PULL,
    "BuildRole ecr:BatchCheckLayerAvailability": _PUSH,
    "PullRequestBuildRole ecr:BatchCheckLayerAvailability": _CACHES,
    "ecr:BatchGetImage": _PULL,
    "ReleaseRecordRecording ecr:BatchGetImage": "reads the manifests of the images that it tags",
    "BuildRole ecr:BatchGetImage": "reads the layer cache, and finds an image that exists",
    "PullRequestBuildRole ecr:BatchGetImage": _CACHES,
    "ecr:CompleteLayerUpload": _PUSH,
    "ecr:DescribeImageScanFindings": "waits for the scan, and stops on what it has found",
    "ecr:GetAuthorizationToken": "logs in to the registry",
    "ecr:GetDownloadUrlForLayer": _PULL,
    "BuildRole ecr:GetDownloadUrlForLayer": "reads the layer cache",
    "PullRequestBuildRole ecr:GetDownloadUrlForLayer": _CACHES,
    "ecr:InitiateLayerUpload": _PUSH,
    "ecr:PutImage": _PUSH,
    "ReleaseRecordRecording ecr:PutImage": "tags the live image and the one before, to keep them",
    "ecr:UploadLayerPart": _PUSH,
    "ecs:CreateTaskSet": _TASK_SETS,
    "ecs:DeleteTaskSet": _TASK_SETS,
    "ecs:DescribeServiceDeployments": "finds how ECS's deployment ended, and why",
    "ecs:DescribeServiceRevisions": "finds which image the deployment is of",
    "ecs:DescribeServices": _LOOK,
    "ReleaseDriftRole ecs:DescribeServices": "finds what the service runs",
    "SlackRole ecs:DescribeServices": "finds which tasks have failed",
    "ecs:DescribeTaskDefinition": "reads the task definition that the service has",
    "ecs:DescribeTasks": _LOOK,
    "ReleaseRecordRecording ecs:DescribeTasks": "finds which image every task runs",
    "SlackRole ecs:DescribeTasks": "finds why tasks have failed",
    "ecs:ListServiceDeployments": "finds the deployment",
    "ecs:ListTasks": _LOOK,
    "ReleaseRecordRecording ecs:ListTasks": "finds every task of the service",
    "SlackRole ecs:ListTasks": "finds the tasks that have failed",
    "ecs:RegisterTaskDefinition": "registers the task definition with the new image",
    "ecs:TagResource": "gives it the tags of the one before",
    "ecs:UpdateService": "deploys it to the one service",
    "ecs:UpdateServicePrimaryTaskSet": _TASK_SETS,
    "elasticloadbalancing:DeregisterTargets": "takes old tasks off the load balancer",
    "elasticloadbalancing:DescribeListeners": _LISTENERS,
    "elasticloadbalancing:DescribeRules": _LISTENERS,
    "elasticloadbalancing:DescribeTargetGroups": _LISTENERS,
    "elasticloadbalancing:DescribeTargetHealth": "waits until new tasks are healthy",
    "elasticloadbalancing:ModifyRule": "shifts the traffic",
    "elasticloadbalancing:RegisterTargets": "puts new tasks on the load balancer",
    "events:PutEvents": "has people notified of another image",
    "iam:PassRole": "hands the service's own roles to its tasks",
    "lambda:InvokeFunction": "calls the recorder",
    "logs:CreateLogStream": _LOGS,
    "ServiceExecutionRole logs:CreateLogStream": "writes the application's log",
    "logs:DescribeLogStreams": _LOGS,
    "logs:GetLogEvents": "quotes the end of a failed build's log",
    "logs:PutLogEvents": _LOGS,
    "ServiceExecutionRole logs:PutLogEvents": "writes the application's log",
    "s3:GetBucketAcl": _ARTIFACTS,
    "s3:GetBucketLocation": _ARTIFACTS,
    "s3:GetBucketVersioning": _ARTIFACTS,
    "s3:GetObject": _ARTIFACTS,
    "BuildRole s3:GetObject": "takes the source, and the build's program",
    "PullRequestBuildRole s3:GetObject": "takes the source, and the build's program",
    "s3:GetObjectVersion": _ARTIFACTS,
    "s3:PutObject": _ARTIFACTS,
    "s3:PutObjectAcl": _ARTIFACTS,
    "sqs:DeleteMessage": _QUEUE,
    "sqs:GetQueueAttributes": _QUEUE,
    "sqs:ReceiveMessage": _QUEUE,
    "sqs:SendMessage": _QUEUE,
    "ssm:GetParameter": "reads which image is live",
    "BuildRole ssm:GetParameter": "reads which image is live, and what CodeDeploy is given",
    "SlackRole ssm:GetParameter": "reads the webhook's URL or the token",
    "ssm:PutParameter": "records which image is live",
    "ReleaseDriftRole ssm:GetParameter": "reads which image is live, and what it did about another",
    "ReleaseDriftRole ssm:PutParameter": "remembers what it did about another image",
    "ImagePointerMakerRole ssm:PutParameter": "makes the parameter",
    "sts:AssumeRole": "takes the role of each of its actions",
}


def reason(role: str, action: str) -> str:
    """Say why a role may do something.

    Raises
    ------
    KeyError
        Nobody has said so yet.
    """
    return REASONS.get(f"{role} {action}") or REASONS[action]
