"""How a load-balanced service replaces its tasks, if not by rolling."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from container_pipelines._checks import check_duration
from container_pipelines._types import checked
from container_pipelines.service.traffic_shift import TrafficShift
from container_pipelines.service.validation_hooks import Hook

_LONGEST_BAKE_MINUTES: Final = 1440
# CloudFormation refuses a service whose deployments take longer, for it waits 36 hours at most.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ecs-service-linearconfiguration.html
_LONGEST_DEPLOYMENT: Final = Duration.hours(33)


class Engine(StrEnum):
    """Who moves the traffic."""

    ECS = "ECS"
    """ECS itself, by one of its strategies; what AWS recommends for new services."""
    CODE_DEPLOY = "CODE_DEPLOY"
    """CodeDeploy."""


class LiveGroup(StrEnum):
    """One of the two target groups."""

    BLUE = "BLUE"
    """The one that the first deployment goes to."""
    GREEN = "GREEN"
    """The other one."""


class OnTimeout(StrEnum):
    """What happens to a paused deployment that nobody continues in time."""

    ROLLBACK = "ROLLBACK"
    """It is rolled back."""
    CONTINUE = "CONTINUE"
    """It continues."""


@checked("pause")
@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Hold each deployment of ECS's engine before production traffic moves.

    Somebody continues it or rolls it back, in the console or by ``aws ecs
    continue-service-deployment``. It holds **every** deployment: also the one that creates the
    service, and each ``cdk deploy`` that changes what tasks run, which waits for that long.

    Parameters
    ----------
    timeout
        How long it waits, in whole minutes up to 14 days.
    on_timeout
        What happens then; with ``CONTINUE`` the first deployment of a stack continues unattended.

    Raises
    ------
    ValueError
        If the time is out of range.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html
    """

    timeout: Duration
    on_timeout: OnTimeout = OnTimeout.ROLLBACK

    def __post_init__(self) -> None:
        check_duration(
            "pause.timeout",
            self.timeout,
            minimum=1,
            maximum=20160,
            unit="minutes",
            default="not pause",
        )


@checked("ecs_blue_green")
@dataclass(frozen=True, slots=True, kw_only=True)
class EcsBlueGreen:
    """New tasks beside the old ones, and ECS moves the traffic.

    Parameters
    ----------
    traffic_shift
        The steps in which production traffic moves; 10 percent every minute by default.
    bake_time
        For how long the old tasks stay after the shift, and alarms roll back; in whole minutes up
        to 24 hours, 5 minutes by default.
    test_listener
        A listener, on another port, that leads to the new tasks first; none by default.
    hooks
        What a new version must pass.
    alarms
        Alarms that roll a deployment back, of the service's account and region.
    pause
        How long each deployment waits for somebody to continue it; by default it does not wait.
    circuit_breaker
        Whether ECS ends a deployment whose tasks do not get healthy. Off by default: AWS's
        documents disagree on whether it is taken beside a shift. Without it such a deployment ends
        when the alarms or hooks say so, when the pipeline gives up, or by the next one.
    live_group
        Where the listener rule sends traffic **whenever CloudFormation writes it**, which is when
        the service is made and when you edit its listener, priority, paths or hosts; and never
        otherwise. Before such an edit look up which group is live, and say it here.

    Raises
    ------
    ValueError
        If a value is out of range, or a deployment would take longer than CloudFormation waits.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-blue-green.html
    """

    traffic_shift: TrafficShift = field(default_factory=TrafficShift.linear)
    bake_time: Duration = field(default_factory=lambda: Duration.minutes(5))
    test_listener: elbv2.IApplicationListener | None = None
    hooks: Sequence[Hook] = ()
    alarms: Sequence[cloudwatch.IAlarm] = ()
    pause: Pause | None = None
    circuit_breaker: bool = False
    live_group: LiveGroup = LiveGroup.BLUE

    def __post_init__(self) -> None:
        object.__setattr__(self, "hooks", tuple(self.hooks))
        object.__setattr__(self, "alarms", tuple(self.alarms))
        self.traffic_shift.strategy()
        check_duration(
            "ecs_blue_green.bake_time",
            self.bake_time,
            minimum=0,
            maximum=_LONGEST_BAKE_MINUTES,
            unit="minutes",
            default="keep the old tasks for 5 minutes",
        )
        _check_alarms("ecs_blue_green.alarms", self.alarms)
        shifting = self.shift_and_bake.to_minutes()
        if shifting > _LONGEST_DEPLOYMENT.to_minutes():
            raise ValueError(
                f"'ecs_blue_green' must take at most {_LONGEST_DEPLOYMENT.to_human_string()} for "
                f"traffic_shift and bake_time, got {self.shift_and_bake.to_human_string()}; "
                f"CloudFormation would refuse the service: shorten one of them"
            )

    @property
    def engine(self) -> Engine:
        """ECS."""
        return Engine.ECS

    @property
    def shift_and_bake(self) -> Duration:
        """How long the shift and the bake time take."""
        bake = self.bake_time
        return self.traffic_shift.duration.plus(
            Duration.minutes(0) if bake.is_unresolved() else bake
        )


@checked("code_deploy_blue_green")
@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDeployBlueGreen:
    """New tasks beside the old ones, and CodeDeploy moves the traffic.

    A stack cannot change such a service's tasks, network or load balancer: a changed setting of the
    container is registered, and ships with the next release.

    Parameters
    ----------
    traffic_shift
        The steps in which production traffic moves; 10 percent every minute by default.
    termination_wait
        For how long the old tasks stay after the shift, and can be gone back to; in whole minutes
        up to 2 days, 5 minutes by default.
    test_listener
        A listener, on another port, that leads to the new tasks first; none by default.
    hooks
        What a new version must pass, one at each stage.
    alarms
        Alarms that stop a deployment and roll it back.
    approval_wait
        How long a deployment waits for somebody to reroute traffic, in whole minutes from 1 minute
        to 2 days, in the console or by ``aws deploy continue-deployment``. Then it is stopped and
        rolled back. By default it does not wait.
    live_group
        As for :class:`EcsBlueGreen`.

    Raises
    ------
    ValueError
        If a value is out of range, or two hooks are at the same stage.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-bluegreen.html
    """

    traffic_shift: TrafficShift = field(default_factory=TrafficShift.linear)
    termination_wait: Duration = field(default_factory=lambda: Duration.minutes(5))
    test_listener: elbv2.IApplicationListener | None = None
    hooks: Sequence[Hook] = ()
    alarms: Sequence[cloudwatch.IAlarm] = ()
    approval_wait: Duration | None = None
    live_group: LiveGroup = LiveGroup.BLUE

    def __post_init__(self) -> None:
        object.__setattr__(self, "hooks", tuple(self.hooks))
        object.__setattr__(self, "alarms", tuple(self.alarms))
        self.traffic_shift.check_code_deploy()
        check_duration(
            "code_deploy_blue_green.termination_wait",
            self.termination_wait,
            minimum=0,
            maximum=2880,
            unit="minutes",
            default="keep the old tasks for 5 minutes",
        )
        if self.approval_wait is not None:
            # Zero would stop each deployment at once.
            check_duration(
                "code_deploy_blue_green.approval_wait",
                self.approval_wait,
                minimum=1,
                maximum=2880,
                unit="minutes",
                default="do not wait for approval",
            )
        _check_alarms("code_deploy_blue_green.alarms", self.alarms)
        stages = [hook.at for hook in self.hooks]
        for stage in stages:
            if stages.count(stage) > 1:
                raise ValueError(
                    f"'code_deploy_blue_green.hooks' must be one at each stage, got "
                    f"{stages.count(stage)} at {stage}; let one function do both"
                )

    @property
    def engine(self) -> Engine:
        """CodeDeploy."""
        return Engine.CODE_DEPLOY


BlueGreen = EcsBlueGreen | CodeDeployBlueGreen


def _check_alarms(parameter: str, alarms: Sequence[cloudwatch.IAlarm]) -> None:
    names = [alarm.alarm_name for alarm in alarms]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"'{parameter}' must name each alarm once, got '{name}' more than once; drop the "
                f"repetition"
            )
