"""What the roles of the app may not do: attacks, judged by an evaluator that is not ours.

The roles are those of the sample settings, with Slack, pull requests and a service that CodeDeploy
deploys added.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.emulator.permissions.evaluator import Evaluator, Request
from local.roles import Role
from local.roles.templates import ACCOUNT, REGION, roles_of

HERE = f"{REGION}:{ACCOUNT}"
APP, OTHER = "my-container-app", "my-container-app-blue-green"
POINTER = "parameter/container-pipelines"


@pytest.fixture(scope="module")
def app(
    templates: Callable[[dict[str, Any]], dict[str, Any]], settings_of_every_role: dict[str, Any]
) -> dict[str, Role]:
    """Every role by its name, with builds that clone."""
    delivery = copy.deepcopy(settings_of_every_role)
    for service in delivery["services"]:
        service["source"] |= {"connection_arn": CONNECTION, "full_clone": True}
    return {role.name: role for role in roles_of(templates(delivery))}


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    evaluator = Evaluator()
    yield evaluator
    evaluator.close()


@dataclass(frozen=True)
class Call:
    """A role does something."""

    role: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        what = ",".join(f"{key}={value}" for key, value in self.context.items())
        return f"{self.role}-{self.action}-{self.resource.rpartition(':')[2]}{what}"


@pytest.fixture
def allows(app: dict[str, Role], evaluator: Evaluator) -> Callable[[Call], bool]:
    """Whether a role may do something."""

    def allows(call: Call) -> bool:
        role = app[call.role]
        decision = evaluator.decide(
            Request(
                principal=role.arn,
                account=ACCOUNT,
                action=call.action,
                resource=call.resource,
                context=call.context,
                policies={name: given for name, given in role.policies.items() if given},
            )
        )
        # A slip in this table must not look like a refusal.
        assert "{" not in decision.reason.partition(";")[0], decision.reason
        return decision.allowed

    return allows


CONNECTION = f"arn:aws:codeconnections:{HERE}:connection/0f1e"
# What AWS says of a request through a connection.
OWN_CODE = {"codeconnections:FullRepositoryId": "your-org/my-container-app"}
PULL = {
    "codeconnections:ProviderAction": "GitPull",
    "codeconnections:ProviderPermissionsRequired": "read_only",
}
PUSH = {
    "codeconnections:ProviderAction": "GitPush",
    "codeconnections:ProviderPermissionsRequired": "read_write",
}

BUILD = f"delivery-{APP}-pipeline/BuildRole"
PULL_REQUEST = f"delivery-{APP}-pipeline/PullRequestBuildRole"
PULL_REQUEST_SOURCE = f"delivery-{APP}-pipeline/PullRequestsSourceRole"
PULL_REQUEST_START = f"delivery-{APP}-pipeline/PullRequestsBuildRole"
DEPLOY = f"delivery-{APP}-pipeline/ReleaseDeployRole"
RECORDING = f"delivery-{APP}-pipeline/ReleaseRecordRecording"
SOURCE = f"delivery-{APP}-pipeline/ReleaseSourceRole"
START_BUILD = f"delivery-{APP}-pipeline/ReleaseBuildRole"
PIPELINE = f"delivery-{APP}-pipeline/ReleaseRole"
RECORDER = "delivery-shared/RecorderRole"
DETECTOR = "delivery-shared/DriftDetectorRole"
DRIFT = f"delivery-{APP}-pipeline/ReleaseDriftRole"
EXECUTION = f"delivery-{APP}-service/ServiceExecutionRole"
TASK = f"delivery-{APP}-service/ServiceTaskRole"
INFRASTRUCTURE = f"delivery-{OTHER}-service/ServiceInfrastructureRole"
SHIFTED = "code-deploy"
SHIFT = f"delivery-{SHIFTED}-pipeline/ReleaseDeployRole"
CODE_DEPLOY = f"delivery-{SHIFTED}-pipeline/ReleaseCodeDeployRole"
POINTER_MAKER = f"delivery-{APP}-registry/ImagePointerMakerRole"
NOTIFIER = "delivery-monitoring/SlackRole"
DEFAULT_GROUP = "delivery-platform/CustomVpcRestrictDefaultSGCustomResourceProviderRole"
TO_TASKS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}


def arn(service: str, resource: str) -> str:
    where = {"iam": f":{ACCOUNT}", "s3": ":"}.get(service, HERE)
    return f"arn:aws:{service}:{where}:{resource}"


BUCKET = f"delivery-{APP}-pipeline-ReleaseArtifacts7E374565"
OTHER_BUCKET = f"delivery-{OTHER}-pipeline-ReleaseArtifacts7E374565"
PULL_REQUEST_BUCKET = f"delivery-{APP}-pipeline-PullRequestsArtifacts548877FF"
BUILD_LOGS = f"log-group:delivery-{APP}-pipeline-BuildLogs04E75593"
SERVICE_STACK = f"stack/delivery-{APP}-service"
BUS = arn("events", "event-bus/default")
CLUSTER = "delivery-platform-ClusterEB0386A7"
OTHER_ROLE = arn("iam", "role/administrator")
# The execution role of the other service, whose name CloudFormation makes up.
OTHER_EXECUTION = arn("iam", f"role/delivery-{OTHER}-service-ServiceExecutionRole3DA90452")

OWN_SERVICE = arn("ecs", f"service/{CLUSTER}/{APP}")
OWN_POINTER = arn("ssm", f"{POINTER}/{APP}/image")
# The names that CloudFormation makes up, as `roles_of` has them.
OWN_GROUP = arn(
    "codedeploy",
    f"deploymentgroup:delivery-{SHIFTED}-pipeline-ReleaseCodeDeployApplication6924BFD3/"
    f"delivery-{SHIFTED}-pipeline-ReleaseCodeDeployGroupBAA59FAE",
)
OWN_UPDATES: list[dict[str, str]] = [
    {"ecs:task-definition": arn("ecs", f"task-definition/{APP}:7")},
    # What is in the keys where a request gives no ARN, or is silent, is not known.
    {"ecs:task-definition": f"{APP}:7"},
    {"ecs:task-definition": APP},
    {"ecs:enable-execute-command": "false"},
    {},
]
FOREIGN_UPDATES = [
    {"ecs:task-definition": arn("ecs", f"task-definition/{OTHER}:7")},
    {"ecs:task-definition": f"{OTHER}:7"},
    {"ecs:enable-execute-command": "true"},
    {"ecs:enable-execute-command": "True"},
]

ATTACKS = [
    # The build: it runs what the released repository says.
    *(
        Call(BUILD, f"ecr:{action}", arn("ecr", f"repository/{OTHER}"))
        for action in ("InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage")
    ),
    *(
        Call(BUILD, f"ecr:{action}", arn("ecr", f"repository/{name}"))
        for action in (
            "BatchDeleteImage",
            "DeleteRepository",
            "DeleteLifecyclePolicy",
            "PutImageScanningConfiguration",
            "PutImageTagMutability",
            "SetRepositoryPolicy",
            "StartImageScan",
        )
        for name in (APP, OTHER)
    ),
    Call(BUILD, "ecr:PutRegistryScanningConfiguration", "*"),
    # In which the deploy files of the other service are.
    *(
        Call(role, f"s3:{action}", arn("s3", f"{OTHER_BUCKET}/artifact"))
        for role in (BUILD, DEPLOY, SOURCE, PIPELINE)
        for action in ("GetObject", "PutObject")
    ),
    Call(BUILD, "s3:PutObject", arn("s3", f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}/a.zip")),
    Call(BUILD, "s3:DeleteObject", arn("s3", f"{BUCKET}/artifact")),
    Call(BUILD, "s3:PutBucketPolicy", arn("s3", BUCKET)),
    Call(BUILD, "codeconnections:UseConnection", CONNECTION, OWN_CODE | PUSH),
    Call(
        BUILD,
        "codeconnections:UseConnection",
        CONNECTION,
        {"codeconnections:FullRepositoryId": "your-org/another"} | PULL,
    ),
    Call(BUILD, "codeconnections:PassConnection", CONNECTION),
    Call(BUILD, "ssm:PutParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(BUILD, "ssm:GetParameter", arn("ssm", f"{POINTER}/{OTHER}/image")),
    Call(BUILD, "ssm:GetParameter", arn("ssm", "parameter/delivery/slack")),
    Call(BUILD, "ssm:GetParameters", arn("ssm", "parameter/delivery/slack")),
    Call(BUILD, "secretsmanager:GetSecretValue", arn("secretsmanager", "secret:shop-AbCdEf")),
    Call(BUILD, "logs:GetLogEvents", arn("logs", "log-group:/aws/codebuild/x:log-stream:y")),
    Call(BUILD, "logs:PutLogEvents", arn("logs", "log-group:/aws/codebuild/x:log-stream:y")),
    Call(BUILD, "logs:DeleteLogGroup", arn("logs", f"log-group:/aws/codebuild/{APP}:log-stream:")),
    Call(BUILD, "codebuild:StartBuild", arn("codebuild", f"project/{APP}")),
    Call(BUILD, "codebuild:UpdateProject", arn("codebuild", f"project/{APP}")),
    Call(BUILD, "codebuild:StartBuild", arn("codebuild", f"project/{OTHER}")),
    Call(BUILD, "codepipeline:StartPipelineExecution", arn("codepipeline", OTHER)),
    Call(BUILD, "codepipeline:PutApprovalResult", arn("codepipeline", f"{APP}/Approve/Approve")),
    Call(BUILD, "codepipeline:PutJobSuccessResult", "*"),
    Call(BUILD, "ecs:UpdateService", arn("ecs", f"service/{CLUSTER}/{APP}")),
    Call(BUILD, "iam:PassRole", OTHER_EXECUTION, TO_TASKS),
    Call(BUILD, "sts:AssumeRole", OTHER_ROLE),
    Call(BUILD, "lambda:InvokeFunction", arn("lambda", "function:delivery-shared-Recorder")),
    # The build of pull requests: what nobody has merged writes nothing that a release reads.
    *(
        Call(PULL_REQUEST, f"ecr:{action}", arn("ecr", f"repository/{name}"))
        for action in (
            *("InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage"),
            *("BatchDeleteImage", "PutImageTagMutability", "SetRepositoryPolicy"),
        )
        for name in (APP, OTHER)
    ),
    Call(PULL_REQUEST, "ecr:DescribeImageScanFindings", arn("ecr", f"repository/{APP}")),
    *(
        Call(role, f"s3:{action}", arn("s3", f"{bucket}/artifact"))
        for role in (PULL_REQUEST, PULL_REQUEST_SOURCE)
        for action in ("GetObject", "PutObject")
        for bucket in (BUCKET, OTHER_BUCKET)
    ),
    Call(PULL_REQUEST, "s3:PutObject", arn("s3", f"{PULL_REQUEST_BUCKET}/artifact")),
    Call(PULL_REQUEST, "ssm:GetParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(PULL_REQUEST, "ssm:PutParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(PULL_REQUEST, "codebuild:StartBuild", arn("codebuild", f"project/{APP}")),
    Call(PULL_REQUEST, "codepipeline:StartPipelineExecution", arn("codepipeline", APP)),
    Call(PULL_REQUEST, "ecs:UpdateService", arn("ecs", f"service/{CLUSTER}/{APP}")),
    Call(PULL_REQUEST, "ecs:RegisterTaskDefinition", "*"),
    Call(PULL_REQUEST, "codeconnections:UseConnection", CONNECTION, OWN_CODE | PUSH),
    Call(PULL_REQUEST, "sts:AssumeRole", OTHER_ROLE),
    Call(PULL_REQUEST_START, "codebuild:StartBuild", arn("codebuild", f"project/{APP}")),
    # The deployment: it may replace one service's image, and nothing else about it.
    Call(DEPLOY, "ecs:UpdateService", arn("ecs", f"service/{CLUSTER}/{OTHER}")),
    *(Call(DEPLOY, "ecs:UpdateService", OWN_SERVICE, context) for context in FOREIGN_UPDATES),
    Call(DEPLOY, "ecs:DeleteService", arn("ecs", f"service/{CLUSTER}/{APP}")),
    Call(DEPLOY, "ecs:CreateService", arn("ecs", f"service/{CLUSTER}/new")),
    Call(DEPLOY, "ecs:RunTask", arn("ecs", f"task-definition/{OTHER}:1")),
    Call(DEPLOY, "ecs:RunTask", arn("ecs", f"task-definition/{APP}:1")),
    Call(DEPLOY, "ecs:StopTask", arn("ecs", f"task/{CLUSTER}/0123456789abcdef0")),
    Call(DEPLOY, "ecs:ExecuteCommand", arn("ecs", f"task/{CLUSTER}/0123456789abcdef0")),
    Call(DEPLOY, "ecs:DeregisterTaskDefinition", "*"),
    Call(DEPLOY, "ecs:ListTasks", "*", {"ecs:cluster": arn("ecs", "cluster/another")}),
    Call(DEPLOY, "ecs:TagResource", arn("ecs", f"service/{CLUSTER}/{APP}")),
    Call(
        DEPLOY,
        "ecs:TagResource",
        arn("ecs", f"task-definition/{OTHER}:1"),
        {"ecs:CreateAction": "RegisterTaskDefinition"},
    ),
    Call(DEPLOY, "iam:PassRole", OTHER_ROLE, TO_TASKS),
    Call(DEPLOY, "iam:PassRole", OTHER_EXECUTION, TO_TASKS),
    *(
        Call(
            DEPLOY,
            "iam:PassRole",
            "{task role}",
            {"iam:PassedToService": f"{service}.amazonaws.com"},
        )
        for service in ("ec2", "lambda", "ecs")
    ),
    Call(DEPLOY, "s3:PutObject", arn("s3", f"{BUCKET}/artifact")),
    Call(DEPLOY, "ssm:PutParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(DEPLOY, "ecr:PutImage", arn("ecr", f"repository/{APP}")),
    # The deployment by CodeDeploy: it may begin one of the own group, and CodeDeploy may change
    # the task sets of one service, and its rules.
    Call(SHIFT, "codedeploy:CreateDeployment", arn("codedeploy", "deploymentgroup:other/other")),
    Call(SHIFT, "codedeploy:StopDeployment", OWN_GROUP),
    Call(SHIFT, "codedeploy:UpdateDeploymentGroup", OWN_GROUP),
    Call(SHIFT, "ecs:UpdateService", arn("ecs", f"service/{CLUSTER}/{SHIFTED}")),
    Call(SHIFT, "ecs:CreateTaskSet", arn("ecs", f"task-set/{CLUSTER}/{SHIFTED}/ecs-svc-1")),
    Call(SHIFT, "iam:PassRole", OTHER_ROLE, TO_TASKS),
    Call(CODE_DEPLOY, "ecs:UpdateService", arn("ecs", f"service/{CLUSTER}/{SHIFTED}")),
    Call(CODE_DEPLOY, "ecs:UpdateServicePrimaryTaskSet", arn("ecs", f"service/{CLUSTER}/{APP}")),
    *(
        Call(CODE_DEPLOY, f"ecs:{action}", arn("ecs", f"task-set/{CLUSTER}/{APP}/ecs-svc-1"))
        for action in ("CreateTaskSet", "DeleteTaskSet")
    ),
    Call(CODE_DEPLOY, "ecs:RegisterTaskDefinition", "*"),
    Call(
        CODE_DEPLOY,
        "elasticloadbalancing:ModifyRule",
        arn("elasticloadbalancing", "listener-rule/app/lb/1/2/another"),
    ),
    Call(
        CODE_DEPLOY,
        "elasticloadbalancing:ModifyListener",
        arn("elasticloadbalancing", "listener/app/lb/1/2"),
    ),
    Call(CODE_DEPLOY, "iam:PassRole", OTHER_ROLE, TO_TASKS),
    Call(CODE_DEPLOY, "iam:PassRole", "{task role}", TO_TASKS),
    Call(CODE_DEPLOY, "lambda:InvokeFunction", arn("lambda", "function:delivery-shared-Recorder")),
    # What makes the pointer's parameters: it makes its own, and never changes them.
    Call(POINTER_MAKER, "ssm:PutParameter", OWN_POINTER, {"ssm:Overwrite": "true"}),
    Call(POINTER_MAKER, "ssm:PutParameter", arn("ssm", f"{POINTER}/{OTHER}/image")),
    Call(POINTER_MAKER, "ssm:DeleteParameter", OWN_POINTER),
    # What starts the build.
    Call(START_BUILD, "codebuild:StartBuild", arn("codebuild", f"project/{OTHER}")),
    Call(START_BUILD, "codebuild:UpdateProject", arn("codebuild", f"project/{APP}")),
    Call(START_BUILD, "s3:GetObject", arn("s3", f"{BUCKET}/artifact")),
    # The source.
    Call(SOURCE, "codeconnections:UseConnection", arn("codeconnections", "connection/another")),
    Call(SOURCE, "codeconnections:PassConnection", arn("codeconnections", "connection/another")),
    Call(SOURCE, "s3:DeleteObject", arn("s3", f"{BUCKET}/artifact")),
    # The pipeline.
    Call(PIPELINE, "sts:AssumeRole", OTHER_ROLE),
    Call(PIPELINE, "ecs:UpdateService", arn("ecs", f"service/{CLUSTER}/{APP}")),
    Call(PIPELINE, "iam:PassRole", "{task role}", TO_TASKS),
    # The recorder: by its own role it may do nothing to a service, and by that of a pipeline only
    # what this one deploys.
    Call(RECORDER, "ssm:PutParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(RECORDER, "ecs:DescribeServices", arn("ecs", f"service/{CLUSTER}/{APP}")),
    Call(RECORDER, "codepipeline:StartPipelineExecution", arn("codepipeline", APP)),
    Call(RECORDING, "ssm:PutParameter", arn("ssm", f"{POINTER}/{OTHER}/image")),
    Call(RECORDING, "ssm:PutParameter", arn("ssm", "parameter/delivery/slack")),
    Call(RECORDING, "ssm:DeleteParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(RECORDING, "ecs:DescribeServices", arn("ecs", f"service/{CLUSTER}/{OTHER}")),
    Call(RECORDING, "ecs:UpdateService", arn("ecs", f"service/{CLUSTER}/{APP}")),
    # The drift detector: it starts the one pipeline, and what that does it does not do itself.
    Call(DETECTOR, "codepipeline:StartPipelineExecution", arn("codepipeline", APP)),
    Call(DETECTOR, "ssm:GetParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(DETECTOR, "sts:AssumeRole", OTHER_ROLE),
    *(
        Call(DRIFT, f"codepipeline:{action}", arn("codepipeline", resource))
        for action, resource in (
            ("StartPipelineExecution", OTHER),
            ("EnableStageTransition", f"{APP}/Deploy"),
            ("PutApprovalResult", f"{APP}/Gate/Approve"),
            ("OverrideStageCondition", f"{APP}/Deploy"),
            ("RollbackStage", f"{APP}/Deploy"),
            ("StopPipelineExecution", APP),
            ("UpdatePipeline", APP),
        )
    ),
    *(
        Call(DRIFT, f"ssm:{action}", arn("ssm", f"{POINTER}/{APP}/image{which}"))
        for action, which in (
            ("PutParameter", ""),
            ("PutParameter", "-previous"),
            ("DeleteParameter", "-drift"),
        )
    ),
    Call(DRIFT, "ssm:GetParameter", arn("ssm", f"{POINTER}/{OTHER}/image")),
    Call(DRIFT, "ecs:DescribeServices", arn("ecs", f"service/{CLUSTER}/{OTHER}")),
    Call(DRIFT, "ecs:UpdateService", arn("ecs", f"service/{CLUSTER}/{APP}")),
    Call(DRIFT, "cloudformation:UpdateStack", arn("cloudformation", f"{SERVICE_STACK}/1")),
    Call(
        DRIFT,
        "cloudformation:DescribeStacks",
        arn("cloudformation", "stack/delivery-shared/1"),
    ),
    Call(DRIFT, "events:PutEvents", BUS, {"events:source": "aws.ecs"}),
    # Tasks.
    Call(EXECUTION, "ecr:BatchGetImage", arn("ecr", f"repository/{OTHER}")),
    Call(EXECUTION, "ecr:PutImage", arn("ecr", f"repository/{APP}")),
    Call(EXECUTION, "ssm:GetParameters", arn("ssm", "parameter/delivery/slack")),
    Call(EXECUTION, "secretsmanager:GetSecretValue", arn("secretsmanager", "secret:shop-AbCdEf")),
    Call(EXECUTION, "logs:PutLogEvents", arn("logs", "log-group:/aws/lambda/x:log-stream:y")),
    Call(TASK, "s3:ListAllMyBuckets", "*"),
    Call(TASK, "ecr:GetAuthorizationToken", "*"),
    Call(TASK, "sts:AssumeRole", OTHER_ROLE),
    # What shifts the traffic.
    Call(
        INFRASTRUCTURE,
        "elasticloadbalancing:ModifyRule",
        arn("elasticloadbalancing", "listener-rule/app/lb/1/2/another"),
    ),
    Call(
        INFRASTRUCTURE,
        "elasticloadbalancing:ModifyListener",
        arn("elasticloadbalancing", "listener/app/lb/1/2"),
    ),
    Call(
        INFRASTRUCTURE,
        "elasticloadbalancing:DeregisterTargets",
        arn("elasticloadbalancing", "targetgroup/another/1"),
    ),
    # The notifier.
    Call(NOTIFIER, "ssm:GetParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(NOTIFIER, "ssm:GetParameter", arn("ssm", "parameter/shop/password")),
    Call(NOTIFIER, "logs:GetLogEvents", arn("logs", "log-group:/aws/lambda/x:log-stream:y")),
    Call(NOTIFIER, "codebuild:StartBuild", arn("codebuild", f"project/{APP}")),
    Call(NOTIFIER, "codepipeline:StartPipelineExecution", arn("codepipeline", APP)),
    Call(NOTIFIER, "codepipeline:PutApprovalResult", arn("codepipeline", f"{APP}/Approve/Approve")),
    # CloudFormation's helpers.
    Call(
        DEFAULT_GROUP,
        "ec2:AuthorizeSecurityGroupIngress",
        arn("ec2", "security-group/sg-0123456789abcdef0"),
    ),
    Call(DEFAULT_GROUP, "ec2:DeleteNetworkInterface", arn("ec2", "network-interface/eni-1")),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_is_denied(
    attack: Call, app: dict[str, Role], allows: Callable[[Call], bool]
) -> None:
    resource = attack.resource.replace("{task role}", app[TASK].arn)
    assert not allows(Call(attack.role, attack.action, resource, attack.context))


# Of every role something that it is for: what is denied above is not denied by a mistake here.
DUTIES = [
    Call(BUILD, "ecr:PutImage", arn("ecr", f"repository/{APP}")),
    Call(BUILD, "s3:PutObject", arn("s3", f"{BUCKET}/artifact")),
    Call(BUILD, "codeconnections:UseConnection", CONNECTION, OWN_CODE | PULL),
    Call(BUILD, "codeconnections:UseConnection", CONNECTION),
    Call(BUILD, "ssm:GetParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(PULL_REQUEST, "ecr:PutImage", arn("ecr", f"repository/{APP}/pull-requests")),
    Call(
        PULL_REQUEST,
        "ecr:DescribeImageScanFindings",
        arn("ecr", f"repository/{APP}/pull-requests"),
    ),
    # The releases' layer cache.
    Call(PULL_REQUEST, "ecr:BatchGetImage", arn("ecr", f"repository/{APP}")),
    Call(PULL_REQUEST, "s3:GetObject", arn("s3", f"{PULL_REQUEST_BUCKET}/artifact")),
    Call(PULL_REQUEST, "codeconnections:UseConnection", CONNECTION, OWN_CODE | PULL),
    Call(PULL_REQUEST_SOURCE, "s3:PutObject", arn("s3", f"{PULL_REQUEST_BUCKET}/artifact")),
    Call(
        PULL_REQUEST_START,
        "codebuild:StartBuild",
        arn("codebuild", f"project/{APP}-pull-requests"),
    ),
    *(Call(DEPLOY, "ecs:UpdateService", OWN_SERVICE, context) for context in OWN_UPDATES),
    Call(DEPLOY, "iam:PassRole", "{task role}", TO_TASKS),
    Call(SHIFT, "codedeploy:CreateDeployment", OWN_GROUP),
    Call(
        CODE_DEPLOY,
        "ecs:UpdateServicePrimaryTaskSet",
        arn("ecs", f"service/{CLUSTER}/{SHIFTED}"),
    ),
    Call(CODE_DEPLOY, "ecs:CreateTaskSet", arn("ecs", f"task-set/{CLUSTER}/{SHIFTED}/ecs-svc-1")),
    Call(POINTER_MAKER, "ssm:PutParameter", OWN_POINTER, {"ssm:Overwrite": "false"}),
    Call(START_BUILD, "codebuild:StartBuild", arn("codebuild", f"project/{APP}")),
    Call(RECORDER, "codepipeline:PutJobSuccessResult", "*"),
    Call(NOTIFIER, "ssm:GetParameter", arn("ssm", "parameter/delivery/slack")),
    Call(NOTIFIER, "logs:GetLogEvents", arn("logs", f"{BUILD_LOGS}:log-stream:some")),
    Call(RECORDING, "ssm:PutParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(DRIFT, "codepipeline:StartPipelineExecution", arn("codepipeline", APP)),
    Call(DRIFT, "ssm:GetParameter", arn("ssm", f"{POINTER}/{APP}/image")),
    Call(DRIFT, "ssm:PutParameter", arn("ssm", f"{POINTER}/{APP}/image-drift")),
    Call(DRIFT, "cloudformation:DescribeStacks", arn("cloudformation", f"{SERVICE_STACK}/1")),
    Call(DRIFT, "events:PutEvents", BUS, {"events:source": "container-pipelines"}),
    Call(EXECUTION, "ecr:BatchGetImage", arn("ecr", f"repository/{APP}")),
]


@pytest.mark.parametrize("duty", DUTIES, ids=str)
def test_a_duty_is_allowed(
    duty: Call, app: dict[str, Role], allows: Callable[[Call], bool]
) -> None:
    resource = duty.resource.replace("{task role}", app[TASK].arn)
    assert allows(Call(duty.role, duty.action, resource, duty.context))


def test_no_role_may_change_what_it_or_another_may_do(
    app: dict[str, Role], allows: Callable[[Call], bool]
) -> None:
    changes = (
        "AttachRolePolicy",
        "CreateRole",
        "DeleteRolePermissionsBoundary",
        "PutRolePolicy",
        "UpdateAssumeRolePolicy",
    )
    assert len(app) > 10
    for name, role in app.items():
        for change in changes:
            for target in (role.arn, OTHER_ROLE):
                assert not allows(Call(name, f"iam:{change}", target)), (name, change)


def test_every_role_is_trusted_to_one_service_or_to_roles_of_the_app(
    app: dict[str, Role], evaluator: Evaluator
) -> None:
    arns = {role.arn for role in app.values()}
    strangers = (
        "ec2.amazonaws.com",
        arn("iam", "user/somebody"),
        OTHER_ROLE,
        "arn:aws:iam::999999999999:role/foreign",
    )
    assert len(app) > 10
    for name, role in app.items():
        trusted = [
            principal
            for statement in role.trust["Statement"]
            for kind in statement["Principal"].values()
            for principal in ([kind] if isinstance(kind, str) else kind)
        ]
        assert {each.endswith(".amazonaws.com") or each in arns for each in trusted} == {True}, name
        for stranger in strangers:
            decision = evaluator.decide(
                Request(
                    principal=stranger,
                    account=ACCOUNT,
                    action="sts:AssumeRole",
                    resource=role.arn,
                    context={},
                    policies={},
                    resource_policy=role.trust,
                )
            )
            assert not decision.allowed, (name, stranger)
