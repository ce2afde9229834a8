"""What a release must pass between its build and its deployment."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._checks import check_duration, check_name, is_token
from container_pipelines._types import checked

# What a value of an action's configuration may hold.
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html
_LONGEST_VALUE: Final = 1000


class Gate(ABC):
    """One step between build and deployment: an :class:`Approval` or a :class:`Check`."""

    name: str

    @property
    @abstractmethod
    def purpose(self) -> str:
        """What its role is for."""

    @abstractmethod
    def action(self, scope: Construct, *, role: iam.Role, run_order: int) -> codepipeline.IAction:
        """Make the pipeline's action and grant its role what it needs.

        Parameters
        ----------
        scope
            The pipeline construct.
        role
            The action's role.
        run_order
            Its place among the gates.

        Returns
        -------
        codepipeline.IAction
            The action.
        """


@checked("approval")
@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(Gate):
    """A manual approval of the release.

    The reviewer needs ``codepipeline:PutApprovalResult`` on the action; a rejection or a
    time-out fails the execution. If the topic has a KMS key, the key must let the action's role use
    it; CDK grants that for a key of your app.

    Parameters
    ----------
    name
        The action's name.
    topic
        The topic that is notified of a pending approval; none by default.
    link
        An address for the reviewer. Variables of the pipeline may stand in it, such as
        ``#{SourceVariables.CommitId}``.
    message
        What the reviewer should know. Variables may stand in it as well.
    timeout
        How long the approval may take, from 5 minutes to 60 days; 7 days by default, unless the
        account has another default.

    Raises
    ------
    ValueError
        If a value is out of range.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals.html
    """

    name: str = "Approve"
    topic: sns.ITopic | None = None
    link: str | None = None
    message: str | None = None
    timeout: Duration | None = None

    def __post_init__(self) -> None:
        _check_action_name("approval.name", self.name)
        if self.link is not None:
            check_name(
                "approval.link",
                self.link,
                pattern=r"https?://\S+",
                maximum=_LONGEST_VALUE,
                allowed="an address that starts with 'https://' or 'http://'",
            )
        if self.message is not None:
            check_name(
                "approval.message",
                self.message,
                pattern=r"(?s)(?=.*\S).+",
                maximum=_LONGEST_VALUE,
                allowed="what the reviewer should know",
            )
        if self.timeout is None:
            return
        check_duration(
            "approval.timeout",
            self.timeout,
            minimum=5,
            maximum=60 * 24 * 60,
            unit="minutes",
            default="wait for the account's default, 7 days unless it was changed",
            # The L2 compares it, and would say of every token that it is too short.
            known=True,
        )

    @property
    def purpose(self) -> str:
        """What its role is for."""
        return "Notifies of a pending approval"

    def action(self, scope: Construct, *, role: iam.Role, run_order: int) -> codepipeline.IAction:
        """Make the approval action; its role may publish to the topic alone."""
        if self.topic is not None:
            self.topic.grant_publish(role)
            if self.topic.master_key is not None:
                acknowledge(
                    role,
                    {
                        "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]": "Amazon SNS needs data "
                        "keys of the topic's key, of either kind."
                    },
                )
        return actions.ManualApprovalAction(
            action_name=self.name,
            run_order=run_order,
            notification_topic=self.topic,
            external_entity_link=self.link,
            additional_information=self.message,
            timeout=self.timeout,
            role=role.without_policy_updates(),
        )


@checked("check")
@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Gate):
    """Let a Lambda function decide whether the release continues.

    The function gets the job and must report its result with ``PutJobSuccessResult`` or
    ``PutJobFailureResult``; without a result the action fails after 20 minutes. A function of your
    app is granted both; for an imported one whose role is not known, grant them yourself.

    Parameters
    ----------
    function
        The function.
    name
        The action's name.
    user_parameters
        What the function gets as ``UserParameters``: a JSON object of up to 1000 characters.
        Variables of the pipeline may stand in the values, such as ``#{BuildVariables.IMAGE_URI}``.

    Raises
    ------
    ValueError
        If the name is not one of an action, or the parameters are too long.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
    """

    function: lambda_.IFunction
    name: str = "Check"
    user_parameters: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        _check_action_name("check.name", self.name)
        if self.user_parameters is None:
            return
        object.__setattr__(self, "user_parameters", dict(self.user_parameters))
        if any(map(is_token, self.user_parameters.values())):
            return
        length = len(json.dumps(dict(self.user_parameters), separators=(",", ":")))
        if length > _LONGEST_VALUE:
            raise ValueError(
                f"'check.user_parameters' must be JSON of at most {_LONGEST_VALUE} characters, got "
                f"{length}; give the function the rest as its environment"
            )

    @property
    def purpose(self) -> str:
        """What its role is for."""
        return "Calls the check"

    def action(self, scope: Construct, *, role: iam.Role, run_order: int) -> codepipeline.IAction:
        """Make the invoke action; its role may call the function alone."""
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["lambda:InvokeFunction"],
            resource_arns=[self.function.function_arn],
        )
        return _Invocation(
            codepipeline.ActionProperties(
                action_name=self.name,
                run_order=run_order,
                category=codepipeline.ActionCategory.INVOKE,
                provider="Lambda",
                artifact_bounds=codepipeline.ActionArtifactBounds(
                    min_inputs=0, max_inputs=5, min_outputs=0, max_outputs=5
                ),
                role=role.without_policy_updates(),
            ),
            self.function,
            self.user_parameters,
            self._grant_answer(scope),
        )

    def _grant_answer(self, scope: Construct) -> iam.Policy | None:
        if self.function.role is None:
            return None
        policy = iam.Policy(
            scope,
            f"Gate{self.name}Answer",
            roles=[self.function.role],
            statements=[
                iam.PolicyStatement(
                    actions=[
                        "codepipeline:PutJobFailureResult",
                        "codepipeline:PutJobSuccessResult",
                    ],
                    resources=["*"],
                )
            ],
        )
        acknowledge(
            policy,
            {"AwsSolutions-IAM5[Resource::*]": "The result of a job has no resource in IAM."},
        )
        return policy


class _Invocation(codepipeline.Action):
    """The invoke action without the L2's statement on all jobs in the function's own role."""

    def __init__(
        self,
        properties: codepipeline.ActionProperties,
        function: lambda_.IFunction,
        user_parameters: Mapping[str, str] | None,
        answer: iam.Policy | None,
    ) -> None:
        super().__init__()
        self._properties = properties
        self._function = function
        self._user_parameters = user_parameters
        self._answer = answer

    @property
    def _provided_action_properties(self) -> codepipeline.ActionProperties:
        return self._properties

    def _bound(
        self, scope: Construct, stage: codepipeline.IStage, *, bucket: s3.IBucket, role: iam.IRole
    ) -> codepipeline.ActionConfig:
        if self._answer is not None:
            # A new pipeline starts at once: the function must be able to answer by then.
            stage.pipeline.node.add_dependency(self._answer)
        configuration = {"FunctionName": self._function.function_name}
        if self._user_parameters:
            configuration["UserParameters"] = Stack.of(scope).to_json_string(self._user_parameters)
        return codepipeline.ActionConfig(configuration=configuration)


def _check_action_name(parameter: str, name: str) -> None:
    check_name(
        parameter,
        name,
        pattern=r"[A-Za-z0-9.@_-]+",
        maximum=100,
        allowed="letters, digits, '.', '@', '_' and '-'",
    )
