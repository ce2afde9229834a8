"""What sees to it that a service runs the image that is recorded as live."""

from functools import partial
from typing import Any, Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._assets import function_code
from container_pipelines._checks import check_duration, is_token
from container_pipelines._event_source import EVENT_SOURCE
from container_pipelines._findings import LOGS, ROLES, of_function
from container_pipelines._once import arn, place_of, service_names, stack_of
from container_pipelines._types import checked
from container_pipelines.pipeline._fit import check_same_place
from container_pipelines.pipeline.pipeline_controls import IMAGE_VARIABLE, OnDrift
from container_pipelines.registry.image_pointer import ImagePointer

# After which a deployment of ECS, or an operation on the service's stack, is through.
_DEPLOYED: Final = ["SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED"]
_STACK_SETTLED: Final = ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"]

_MISSED: Final = (
    "A look that fails or never starts is made up for by the next one, some minutes later: an old "
    "call would find nothing that the next does not. Its metric Errors tells of one that fails."
)
_FINDINGS: Final = {
    **ROLES,
    **LOGS,
    **of_function(_MISSED),
    "Serverless-LambdaAsyncFailureDestination": _MISSED,
}
_RULE_FINDINGS: Final = {"Serverless-EventBusDLQ": _MISSED}


@checked()
class DriftDetector(Construct):
    """A function that has recorded images run again, for any number of pipelines.

    An image may become live past the pipeline. When a ``cdk deploy`` fails, CloudFormation puts the
    service back to the task definition of its last successful update, with the image of that day;
    and a person may update the service by hand. Within minutes the function then has the pipeline
    release the recorded image, and sends an event that :class:`PipelineAlarms` makes notifications
    of.

    It looks when a deployment of the service or an operation on its stack has ended, and at a fixed
    interval, since EventBridge's delivery of such events is best effort. It starts nothing while a
    deployment, an operation on the stack or a release is in progress, or a transition between the
    pipeline's stages is disabled; nor before the first release. If a release of the recorded image
    fails, it starts two more, 10 and 30 minutes later, and then one each 6 hours; after one that a
    person has stopped it starts no other.

    The function's role may log. For each pipeline it assumes a role that :meth:`watch` makes in the
    pipeline's stack, so the detector may be in a stack that pipelines of other stacks share.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    interval
        How often it looks without an event, in whole minutes from 2 minutes to 1 hour; 5 minutes by
        default.
    log_retention
        How long logs are kept; one month by default.

    Attributes
    ----------
    function
        The function. It fails when it cannot look or act: its metric ``Errors`` is to be monitored.
    interval
        How often it looks, whatever happens.
    role
        The role that it runs with.
    log_group
        Where it logs one line for each look.

    Raises
    ------
    ValueError
        If the interval is out of range.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        interval: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
    ) -> None:
        interval = interval or Duration.minutes(5)
        check_duration(
            "interval",
            interval,
            minimum=2,
            maximum=60,
            unit="minutes",
            default="look each 5 minutes",
            known=True,
        )
        self._schedule = f"rate({interval.to_minutes():.0f} minutes)"
        super().__init__(scope, construct_id)
        self.interval = interval
        self.log_group = logs.LogGroup(self, "Logs", retention=log_retention)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Compares what services run with what is recorded as live",
        )
        self._assumed_by = iam.ArnPrincipal(self.role.role_arn)
        self.log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            description="Has the recorded image of a service released when another one runs",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler="drift_detector.handler.handle",
            code=function_code("drift_detector"),
            memory_size=256,
            timeout=Duration.minutes(2),
            # The next look comes by itself, and sees more than an old one would.
            retry_attempts=0,
            max_event_age=Duration.minutes(2),
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            role=self.role.without_policy_updates(),
        )
        self.function.node.add_dependency(self.role)
        acknowledge(self, _FINDINGS)
        # One permission for all rules of the account: one for each would soon fill the policy.
        self.function.add_permission(
            "Rules",
            principal=iam.ServicePrincipal("events.amazonaws.com"),
            source_arn=arn(self, "events", "rule/*"),
        )

    def watch(
        self,
        scope: Construct,
        *,
        pipeline: codepipeline.IPipeline,
        service: ecs.IBaseService,
        container_name: str,
        image_pointer: ImagePointer,
        on_drift: OnDrift = OnDrift.RESTORE,
    ) -> events.CfnRule:
        """Watch a service, and grant what that needs.

        Parameters
        ----------
        scope
            The pipeline construct. The rule, and the role that the function takes, are made below
            it.
        pipeline
            The pipeline that releases images of the service.
        service
            The service.
        container_name
            The container that gets the image.
        image_pointer
            What records the live image.
        on_drift
            What is done about another image.

        Returns
        -------
        events.CfnRule
            The rule.

        Raises
        ------
        ValueError
            If a drift is to be ignored, or the pipeline is in another account or region than the
            function.
        """
        if on_drift is OnDrift.IGNORE:
            raise ValueError(
                "'on_drift' must be RESTORE or NOTIFY for a service that is watched, got IGNORE; "
                "do not watch it"
            )
        stack, own = stack_of(scope), place_of(stack_of(self))
        check_same_place(
            "drift_detector",
            own.account,
            own.region,
            scope,
            because="a rule invokes functions of its own account and region alone",
        )
        # Each attribute of the CDK is a question to another process.
        cluster_name, _, service_name = service_names(service)
        # Not the service's own ARN, for the reason that DeployTarget has.
        here = arn(scope, "ecs", "")
        service_arn = f"{here}service/{cluster_name}/{service_name}"
        restores = on_drift is OnDrift.RESTORE
        role = iam.Role(
            scope,
            "DriftRole",
            assumed_by=self._assumed_by,
            description="Looks at the service and its record, and starts the pipeline",
        )
        allow = partial(iam.Grant.add_to_principal, grantee=role)
        allow(actions=["ecs:DescribeServices"], resource_arns=[service_arn])
        allow(actions=["ecs:DescribeTaskDefinition"], resource_arns=["*"])
        reasons = {"*": "ecs:DescribeTaskDefinition has no resource in IAM."}
        image_pointer.grant_detect_drift(role)
        allow(
            actions=["events:PutEvents"],
            resource_arns=[f"{here.replace(':ecs:', ':events:')}event-bus/default"],
            # The key has the sources of all events of a request.
            conditions={"ForAllValues:StringEquals": {"events:source": EVENT_SOURCE}},
        )
        starts = ["codepipeline:GetPipelineState", "codepipeline:StartPipelineExecution"]
        allow(
            actions=["codepipeline:ListPipelineExecutions", *(starts if restores else [])],
            resource_arns=[pipeline.pipeline_arn],
        )
        sources, kinds = ["aws.ecs"], ["ECS Deployment State Change"]
        resources: list[Any] = [service_arn]
        details: list[dict[str, Any]] = [{"eventName": _DEPLOYED}]
        name = _stack_name(service)
        if name is not None:
            stack_arn = f"{here.replace(':ecs:', ':cloudformation:')}stack/{name}/*"
            allow(actions=["cloudformation:DescribeStacks"], resource_arns=[stack_arn])
            reasons[stack_arn] = "The last part of a stack's ARN arises with it."
            sources.append("aws.cloudformation")
            kinds.append("CloudFormation Stack Status Change")
            # AWS's example of the event has the ARN without its last part. Those of other stacks
            # whose names start so do no harm.
            resources.append({"prefix": stack_arn.removesuffix("/*")})
            details.append({"status-details": {"status": _STACK_SETTLED}})
        acknowledge(role, ROLES, wildcards=reasons)
        watched = {
            "cluster": cluster_name,
            "service": service_name,
            "resource": service_arn,
            "container": container_name,
            "pointer": image_pointer.parameter_name,
            "incident": image_pointer.drift_parameter_name,
            "pipeline": pipeline.pipeline_name,
            "variable": IMAGE_VARIABLE,
            "role": role.role_arn,
            "restores": restores,
            **({"stack": name} if name else {}),
        }
        rule = events.CfnRule(
            scope,
            "Drift",
            description="Compares the image that the service runs with the recorded one",
            event_pattern={
                "source": sources,
                "detail-type": kinds,
                "resources": resources,
                "detail": {"$or": details} if len(details) > 1 else details[0],
            },
            schedule_expression=self._schedule,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Detector",
                    arn=self.function.function_arn,
                    input=stack.to_json_string(watched),
                    # What is late is overtaken by the next look.
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=60, maximum_retry_attempts=2
                    ),
                )
            ],
        )
        acknowledge(rule, _RULE_FINDINGS)
        return rule


def _stack_name(service: ecs.IBaseService) -> str | None:
    """Give the stack that a service is deployed with; None where it is not of the app."""
    if not isinstance(service, ecs.BaseService):
        return None
    stack = Stack.of(service)
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return None if is_token(stack.stack_name) else stack.stack_name
