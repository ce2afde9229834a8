"""When a pipeline runs, what a release must pass, and what happens when it fails."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codepipeline as codepipeline

from container_pipelines._checks import check_name
from container_pipelines._types import checked
from container_pipelines.pipeline.deploy_conditions import (
    AlarmCheck,
    AlarmResponse,
    AlarmWatch,
    DeploymentWindow,
)
from container_pipelines.pipeline.gates import Gate
from container_pipelines.pipeline.source import Source
from container_pipelines.pipeline.triggers import PullRequestTrigger, PushTrigger, check_triggers

IMAGE_VARIABLE: Final = "IMAGE"
"""The pipeline variable that says what an execution releases; kept for the library."""

# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_Condition.html
_MOST_RULES: Final = 5
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineDeclaration.html
_MOST_VARIABLES: Final = 50
# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
_MOST_ACTIONS: Final = 50


class OnFailure(StrEnum):
    """The automatic response to a failed deployment."""

    RETRY_FAILED_ACTIONS = "RETRY_FAILED_ACTIONS"
    """Run the actions of the stage that have failed once more."""
    RETRY_ALL_ACTIONS = "RETRY_ALL_ACTIONS"
    """Run all actions of the stage once more."""
    ROLLBACK = "ROLLBACK"
    """Deploy again what the last successful execution deployed."""

    def conditions(self) -> codepipeline.FailureConditions:
        """Render it for a stage."""
        match self:
            case OnFailure.ROLLBACK:
                return codepipeline.FailureConditions(result=codepipeline.Result.ROLLBACK)
            case OnFailure.RETRY_FAILED_ACTIONS:
                mode = codepipeline.RetryMode.FAILED_ACTIONS
            case OnFailure.RETRY_ALL_ACTIONS:
                mode = codepipeline.RetryMode.ALL_ACTIONS
        return codepipeline.FailureConditions(result=codepipeline.Result.RETRY, retry_mode=mode)


class OnDrift(StrEnum):
    """The automatic response to a service that runs another image than the recorded one."""

    RESTORE = "RESTORE"
    """Notify, and release the recorded image."""
    NOTIFY = "NOTIFY"
    """Notify, and leave it to people."""
    IGNORE = "IGNORE"
    """Do not look."""


@checked("controls")
@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineControls:
    """When a pipeline runs, what a release must pass, and what happens when it fails.

    All of it is off by default.

    Parameters
    ----------
    triggers
        Up to 3 :class:`PushTrigger` and 3 :class:`PullRequestTrigger`, of which one is enough; for
        sources behind a connection. They stand in for the source's own trigger, each push to its
        branch, which is then off.
    execution_mode
        What happens to a release when the next one comes. By default it may be superseded while it
        waits (``SUPERSEDED``); ``QUEUED`` runs each in turn; ``PARALLEL`` runs them at the same
        time, so that two deployments of one service may meet, and cannot roll back.
    variables
        Variables of the pipeline. ``IMAGE`` is kept for this library.
    gates
        What a release must pass after its build, in this order: :class:`Approval` and
        :class:`Check`.
    deployment_window
        When deployments may begin.
    alarms_before
        Alarms that must not be in ``ALARM`` when a deployment begins. With a deployment window as
        well, AWS checks the alarms when the release arrives; whether it checks them again when the
        window opens is not documented.
    alarms_after
        Alarms that are monitored after a deployment.
    retry_build
        Whether a failed build is retried once automatically.
    on_failure
        The automatic response to a failed deployment; none by default.
    on_drift
        The automatic response when the service runs another image than the recorded one, as after a
        failed ``cdk deploy``: by default the recorded image is released. The release passes the
        gates, the window and the alarms as any other does. Only for a pipeline with an image
        pointer.
    frozen
        Why nothing may be deployed at the moment: the transition into the stage Deploy is then
        disabled, and releases wait before it. Letters, digits, spaces and ``! @ ( ) . * ? -``, up
        to 300 characters. What that means for ``PARALLEL`` is not documented by AWS.

    Raises
    ------
    ValueError
        If a value is out of range, or two of them exclude each other.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/execution-modes.html
    https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html
    https://docs.aws.amazon.com/codepipeline/latest/userguide/transitions.html
    """

    triggers: Sequence[PushTrigger | PullRequestTrigger] = ()
    execution_mode: codepipeline.ExecutionMode = codepipeline.ExecutionMode.SUPERSEDED
    variables: Sequence[codepipeline.Variable] = ()
    gates: Sequence[Gate] = ()
    deployment_window: DeploymentWindow | None = None
    alarms_before: AlarmCheck | None = None
    alarms_after: AlarmWatch | None = None
    retry_build: bool = False
    on_failure: OnFailure | None = None
    on_drift: OnDrift = OnDrift.RESTORE
    frozen: str | None = None

    def __post_init__(self) -> None:
        for name in ("triggers", "variables", "gates"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_triggers(self.triggers)
        self._check_variables()
        self._check_gates()
        for parameter, rules in (
            ("deployment_window' and 'controls.alarms_before", self._entry_rules()),
            ("alarms_after", self.alarms_after.rules() if self.alarms_after else []),
        ):
            if len(rules) > _MOST_RULES:
                raise ValueError(
                    f"'controls.{parameter}' must make at most {_MOST_RULES} rules, one for the "
                    f"window and one for each alarm, got {len(rules)}; join alarms in a composite "
                    f"alarm"
                )
        if self.frozen is not None:
            check_name(
                "controls.frozen",
                self.frozen,
                pattern=r"[a-zA-Z0-9!@ ().*?-]+",
                maximum=300,
                allowed="a reason of letters, digits, spaces and ! @ ( ) . * ? -",
            )
        self._check_parallel()

    def check_source(self, source: Source) -> None:
        """Reject triggers for a source that cannot have them.

        Parameters
        ----------
        source
            The pipeline's source.

        Raises
        ------
        ValueError
            If there are triggers, and the source is not behind a connection.
        """
        if self.triggers and not source.takes_triggers:
            raise ValueError(
                "'controls.triggers' must be left out for a source without a connection, got "
                f"{len(self.triggers)}; a push to the branch '{source.branch}' starts the pipeline"
            )

    @property
    def alarms(self) -> list[cloudwatch.IAlarm]:
        """The alarms that the pipeline reads, before and after a deployment."""
        before = self.alarms_before.alarms if self.alarms_before else ()
        after = self.alarms_after.alarms if self.alarms_after else ()
        return [*before, *after]

    def add_deploy_stage(
        self, pipeline: codepipeline.Pipeline, actions: Sequence[codepipeline.IAction]
    ) -> codepipeline.IStage:
        """Add the stage that deploys to a pipeline.

        Parameters
        ----------
        pipeline
            The pipeline.
        actions
            The stage's actions.

        Returns
        -------
        codepipeline.IStage
            The stage, with what must hold when a release enters and leaves it.
        """
        entry = self._entry_rules()
        after = self.alarms_after
        return pipeline.add_stage(
            stage_name="Deploy",
            actions=list(actions),
            before_entry=_condition(entry, codepipeline.Result.FAIL) if entry else None,
            on_success=_condition(after.rules(), codepipeline.Result[after.on_alarm])
            if after
            else None,
            on_failure=self.on_failure.conditions() if self.on_failure else None,
            transition_to_enabled=self.frozen is None,
            transition_disabled_reason=self.frozen,
        )

    def _entry_rules(self) -> list[codepipeline.Rule]:
        window = self.deployment_window.rules() if self.deployment_window else []
        alarms = self.alarms_before.rules() if self.alarms_before else []
        return [*window, *alarms]

    def _check_variables(self) -> None:
        names = [variable.variable_name for variable in self.variables]
        if IMAGE_VARIABLE in names:
            raise ValueError(
                f"'controls.variables' must not hold '{IMAGE_VARIABLE}', which the library "
                f"keeps for itself; choose another name"
            )
        if twice := _twice(names):
            raise ValueError(
                f"'controls.variables' must have unique names, got '{twice}' more than once; "
                f"rename one"
            )
        if len(names) >= _MOST_VARIABLES:
            raise ValueError(
                f"'controls.variables' must hold fewer than {_MOST_VARIABLES}, of which one is the "
                f"library's, got {len(names)}; drop some"
            )

    def _check_gates(self) -> None:
        names = [gate.name for gate in self.gates]
        if twice := _twice(names):
            raise ValueError(
                f"'controls.gates' must have unique names, got '{twice}' more than once; "
                f"give one another 'name'"
            )
        if len(names) > _MOST_ACTIONS:
            raise ValueError(
                f"'controls.gates' must hold at most {_MOST_ACTIONS}, got {len(names)}; drop some"
            )

    def _check_parallel(self) -> None:
        if self.execution_mode != codepipeline.ExecutionMode.PARALLEL:
            return
        after = self.alarms_after
        for parameter, rolls_back, fix in (
            ("on_failure", self.on_failure == OnFailure.ROLLBACK, "retry"),
            (
                "alarms_after.on_alarm",
                after is not None and after.on_alarm == AlarmResponse.ROLLBACK,
                "let it FAIL",
            ),
        ):
            if rolls_back:
                raise ValueError(
                    f"'controls.{parameter}' must not be ROLLBACK with the execution mode "
                    f"PARALLEL, in which stages cannot roll back; {fix}, or run releases QUEUED"
                )


def _condition(
    rules: Sequence[codepipeline.Rule], result: codepipeline.Result
) -> codepipeline.Conditions:
    return codepipeline.Conditions(
        conditions=[codepipeline.Condition(rules=list(rules), result=result)]
    )


def _twice(names: Sequence[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)
