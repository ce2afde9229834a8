"""The app that the benchmark compares with: the same pipeline from plain CDK constructs.

As somebody who knows the CDK would write it by hand for one team: L2 constructs with their own
grants, a stack for each service, no checks of parameters. docs/performance.md says what it leaves
out.
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_ssm as ssm
from constructs import Construct

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/0f1e2d3c"
NOTIFIER = """\
import json
import os
import urllib.request

import boto3

WEBHOOK = boto3.client("ssm").get_parameter(Name=os.environ["WEBHOOK"], WithDecryption=True)


def handle(event, context):
    detail = event["detail"]
    text = f"{detail['pipeline']}: {detail['state']} ({detail['execution-id']})"
    body = json.dumps({"text": text}).encode()
    urllib.request.urlopen(WEBHOOK["Parameter"]["Value"], body, timeout=10)
"""


class SharedStack(cdk.Stack):
    """The artifact bucket of all pipelines."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.artifacts = s3.Bucket(
            self,
            "Artifacts",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(90))],
        )


class PlatformStack(cdk.Stack):
    """Network, cluster and load balancer of the services that the app makes."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=1)
        self.cluster = ecs.Cluster(
            self, "Cluster", vpc=vpc, container_insights_v2=ecs.ContainerInsights.ENABLED
        )
        balancer = elbv2.ApplicationLoadBalancer(
            self, "LoadBalancer", vpc=vpc, internet_facing=True
        )
        self.listener = balancer.add_listener(
            "Http", port=80, default_action=elbv2.ListenerAction.fixed_response(404)
        )


class PipelineStack(cdk.Stack):
    """Build, pipeline and notifications of a service."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, artifacts: s3.IBucket
    ) -> None:
        super().__init__(scope, construct_id)
        self._name = name
        self._artifacts = artifacts

    def release(self, service: ecs.IBaseService, repository: ecr.IRepository) -> None:
        """Make what releases to a service, and says how it went."""
        self._notify(self._pipeline(service, repository))

    def _pipeline(
        self, service: ecs.IBaseService, repository: ecr.IRepository
    ) -> codepipeline.Pipeline:
        project = codebuild.PipelineProject(
            self,
            "Build",
            project_name=self._name,
            build_spec=codebuild.BuildSpec.from_source_filename("buildspec.yml"),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.AMAZON_LINUX_2023_6,
                compute_type=codebuild.ComputeType.SMALL,
                privileged=True,
                environment_variables={
                    "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(
                        value=repository.repository_uri
                    ),
                    "CONTAINER_NAME": codebuild.BuildEnvironmentVariable(value="app"),
                },
            ),
            timeout=cdk.Duration.minutes(30),
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(
                    log_group=logs.LogGroup(
                        self, "BuildLogs", retention=logs.RetentionDays.ONE_MONTH
                    )
                )
            ),
        )
        repository.grant_pull_push(project)
        code, built = codepipeline.Artifact(), codepipeline.Artifact()
        return codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_name=self._name,
            pipeline_type=codepipeline.PipelineType.V2,
            artifact_bucket=self._artifacts,
            stages=[
                codepipeline.StageProps(
                    stage_name="Source",
                    actions=[
                        actions.CodeStarConnectionsSourceAction(
                            action_name="Source",
                            connection_arn=CONNECTION,
                            owner="your-org",
                            repo=self._name,
                            branch="main",
                            output=code,
                        )
                    ],
                ),
                codepipeline.StageProps(
                    stage_name="Build",
                    actions=[
                        actions.CodeBuildAction(
                            action_name="Build", project=project, input=code, outputs=[built]
                        )
                    ],
                ),
                codepipeline.StageProps(
                    stage_name="Deploy",
                    actions=[
                        actions.EcsDeployAction(action_name="Deploy", service=service, input=built)
                    ],
                ),
            ],
        )

    def _notify(self, pipeline: codepipeline.Pipeline) -> None:
        topic = sns.Topic(self, "Topic", enforce_ssl=True)
        webhook = ssm.StringParameter.from_secure_string_parameter_attributes(
            self, "Webhook", parameter_name="/slack/webhook"
        )
        notifier = lambda_.Function(
            self,
            "Notifier",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handle",
            code=lambda_.Code.from_inline(NOTIFIER),
            environment={"WEBHOOK": webhook.parameter_name},
            timeout=cdk.Duration.seconds(30),
            log_group=logs.LogGroup(self, "NotifierLogs", retention=logs.RetentionDays.ONE_MONTH),
        )
        webhook.grant_read(notifier)
        topic.add_subscription(subscriptions.EmailSubscription("team@example.com"))
        pipeline.on_state_change(
            "Ended",
            target=targets.LambdaFunction(notifier),
            event_pattern=events.EventPattern(detail={"state": ["FAILED", "SUCCEEDED"]}),
        )
        cloudwatch.Alarm(
            self,
            "FailedReleases",
            metric=cloudwatch.Metric(
                namespace="AWS/CodePipeline",
                metric_name="FailedPipelineExecutions",
                dimensions_map={"PipelineName": pipeline.pipeline_name},
                statistic="Sum",
            ),
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        ).add_alarm_action(cloudwatch_actions.SnsAction(topic))


class ServiceStack(cdk.Stack):
    """A service behind the load balancer that scales with its load."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        priority: int,
        platform: PlatformStack,
    ) -> None:
        super().__init__(scope, construct_id)
        self.repository = _repository(self, name)
        definition = ecs.FargateTaskDefinition(
            self, "TaskDefinition", family=name, cpu=256, memory_limit_mib=512
        )
        definition.add_container(
            "app",
            image=ecs.ContainerImage.from_ecr_repository(self.repository, "latest"),
            port_mappings=[ecs.PortMapping(container_port=3000)],
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="app",
                log_group=logs.LogGroup(self, "Logs", retention=logs.RetentionDays.ONE_MONTH),
            ),
        )
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=platform.cluster,
            task_definition=definition,
            service_name=name,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
        )
        group = elbv2.ApplicationTargetGroup(
            self,
            "TargetGroup",
            vpc=platform.cluster.vpc,
            port=3000,
            protocol=elbv2.ApplicationProtocol.HTTP,
            targets=[self.service],
            health_check=elbv2.HealthCheck(
                path="/health",
                interval=cdk.Duration.seconds(30),
                timeout=cdk.Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=3,
            ),
        )
        rule = elbv2.ApplicationListenerRule(
            self,
            "ListenerRule",
            listener=platform.listener,
            priority=priority,
            conditions=[elbv2.ListenerCondition.path_patterns([f"/{name}/*"])],
            action=elbv2.ListenerAction.forward([group]),
        )
        self.service.node.add_dependency(rule)
        self.service.auto_scale_task_count(min_capacity=2, max_capacity=6).scale_on_cpu_utilization(
            "Cpu", target_utilization_percent=60
        )


def _repository(scope: Construct, name: str) -> ecr.Repository:
    return ecr.Repository(
        scope,
        "Repository",
        repository_name=name,
        image_scan_on_push=True,
        lifecycle_rules=[ecr.LifecycleRule(max_image_count=30)],
    )


def add_existing_services(app: cdk.App, count: int) -> None:
    """Add pipelines to services that are there already."""
    artifacts = SharedStack(app, "shared").artifacts
    for number in range(count):
        name = f"service-{number}"
        stack = PipelineStack(app, f"{name}-pipeline", name=name, artifacts=artifacts)
        cluster = stack.format_arn(service="ecs", resource="cluster", resource_name="my-cluster")
        service = ecs.FargateService.from_fargate_service_attributes(
            stack,
            "Service",
            service_name=name,
            cluster=ecs.Cluster.from_cluster_arn(stack, "Cluster", cluster),
        )
        stack.release(service, _repository(stack, name))


def add_own_services(app: cdk.App, count: int) -> None:
    """Add services and their pipelines."""
    artifacts = SharedStack(app, "shared").artifacts
    platform = PlatformStack(app, "platform")
    for number in range(count):
        name = f"service-{number}"
        made = ServiceStack(
            app, f"{name}-service", name=name, priority=number + 1, platform=platform
        )
        PipelineStack(app, f"{name}-pipeline", name=name, artifacts=artifacts).release(
            made.service, made.repository
        )
