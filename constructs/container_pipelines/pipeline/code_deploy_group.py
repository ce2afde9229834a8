"""CodeDeploy's application and deployment group for one service."""

from collections.abc import Sequence

from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._acknowledge import acknowledge_wildcards
from container_pipelines._trust import service_of_this_account
from container_pipelines.pipeline.deploy_target import DeployTarget
from container_pipelines.service.code_deploy_target import CodeDeployTarget
from container_pipelines.service.validation_hooks import BoundHook, grant_answer_to_code_deploy


class CodeDeployGroup(Construct):
    """An application with one deployment group, and the role that deployments run with.

    A deployment that fails, is stopped, or meets an alarm is rolled back.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    target
        The service with its two target groups.
    deploy_target
        The service's container, roles and family.
    hooks
        The functions that decide over a deployment.

    Attributes
    ----------
    application
        The application.
    group
        The deployment group.
    role
        The role that CodeDeploy takes.

    Raises
    ------
    ValueError
        If CodeDeploy does not take the traffic shift.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/codedeploy_IAM_role.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        target: CodeDeployTarget,
        deploy_target: DeployTarget,
        hooks: Sequence[BoundHook],
    ) -> None:
        super().__init__(scope, construct_id)
        deployment = target.deployment
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=service_of_this_account(self, "codedeploy.amazonaws.com"),
            description="Starts new tasks of the service and moves its traffic to them",
        )
        self._grant(target, deploy_target, hooks)
        self.application = codedeploy.EcsApplication(self, "Application")
        config = deployment.traffic_shift.code_deploy_config(self)
        self.group = codedeploy.EcsDeploymentGroup(
            self,
            "Group",
            application=self.application,
            service=target.service,
            deployment_config=config,
            blue_green_deployment_config=codedeploy.EcsBlueGreenDeploymentConfig(
                blue_target_group=target.blue_target_group,
                green_target_group=target.green,
                listener=target.listener,
                test_listener=deployment.test_listener,
                deployment_approval_wait_time=deployment.approval_wait,
                termination_wait_time=deployment.termination_wait,
            ),
            alarms=list(deployment.alarms),
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True,
                stopped_deployment=True,
                deployment_in_alarm=True if deployment.alarms else None,
            ),
            # The L2 would attach AWSCodeDeployRoleForECS, which is for all services and functions.
            role=self.role.without_policy_updates(),
        )
        self.group.node.add_dependency(self.role)
        for number, hook in enumerate(hooks, start=1):
            answer = grant_answer_to_code_deploy(self, hook, self.group, f"Hook{number}Answer")
            if answer is not None:
                answer.node.add_dependency(self.group)

    def grant_deploy(self, role: iam.Role) -> None:
        """Allow an action to start deployments of the group and to follow them.

        Parameters
        ----------
        role
            The role of the deploy action.

        Notes
        -----
        https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
        """
        for actions, resource in (
            (["codedeploy:CreateDeployment", "codedeploy:GetDeployment"], self.group_arn),
            (
                [
                    "codedeploy:GetApplication",
                    "codedeploy:GetApplicationRevision",
                    "codedeploy:RegisterApplicationRevision",
                ],
                self.application.application_arn,
            ),
            (
                ["codedeploy:GetDeploymentConfig"],
                self.group.deployment_config.deployment_config_arn,
            ),
        ):
            iam.Grant.add_to_principal(grantee=role, actions=actions, resource_arns=[resource])

    @property
    def group_arn(self) -> str:
        """The deployment group's ARN."""
        return self.group.deployment_group_arn

    def _grant(
        self, target: CodeDeployTarget, deploy_target: DeployTarget, hooks: Sequence[BoundHook]
    ) -> None:
        """Allow what AWSCodeDeployRoleForECS does, for this service alone.

        Left out is what the group does not use: topics, and revisions in S3.
        """
        deploy_target.grant_task_sets(self.role)
        listeners = [target.listener.listener_arn]
        if target.deployment.test_listener is not None:
            listeners.append(target.deployment.test_listener.listener_arn)
        rules = [rule.listener_rule_arn for rule in target.listener_rules]
        statements = [
            iam.PolicyStatement(
                actions=[
                    "elasticloadbalancing:DescribeListeners",
                    "elasticloadbalancing:DescribeRules",
                    "elasticloadbalancing:DescribeTargetGroups",
                ],
                resources=["*"],
            ),
            iam.PolicyStatement(actions=["elasticloadbalancing:ModifyRule"], resources=rules)
            if rules
            else iam.PolicyStatement(
                actions=["elasticloadbalancing:ModifyListener"], resources=listeners
            ),
        ]
        if hooks:
            statements.append(
                iam.PolicyStatement(
                    actions=["lambda:InvokeFunction"],
                    resources=list(dict.fromkeys(hook.function.function_arn for hook in hooks)),
                )
            )
        if target.deployment.alarms:
            statements.append(
                iam.PolicyStatement(
                    actions=["cloudwatch:DescribeAlarms"],
                    resources=[alarm.alarm_arn for alarm in target.deployment.alarms],
                )
            )
        for statement in statements:
            self.role.add_to_policy(statement)
        acknowledge_wildcards(
            self.role, {"*": "The Describe actions of Elastic Load Balancing know no resource."}
        )
