"""The CloudWatchAlarm rule: waits for an alarm to end, or watches that none begins.

https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-CloudWatchAlarm.html. The
rule fails in the alarm states that it monitors, which is ALARM where it names none. What WaitTime
means depends on the condition: before entry the alarm may take that long to leave these states;
after the stage it must not enter them for that long, as the guide's example of a rollback "if an
alarm goes into ALARM state within 60 minutes" has it.
"""

from collections.abc import Mapping
from typing import Any

from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Outcome,
    Provider,
)
from local.emulator.pipelines.clock import clock

_POLL_SECONDS = 0.25
_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")


def alarm_provider() -> Provider:
    """Return the provider."""

    def run(invocation: Invocation) -> Outcome:
        name = invocation.configuration["AlarmName"]
        monitored = _monitored(invocation.configuration)
        deadline = invocation.started + 60 * int(invocation.configuration.get("WaitTime", 0))
        waits_for_its_end = invocation.condition == "beforeEntry"
        while True:
            # Whoever moves the clock while the alarm is asked for means what it says by then.
            over = clock.now() >= deadline
            state = _state(invocation, name)
            invocation.report(externalExecutionSummary=f"The alarm {name} is in state {state}")
            is_bad = state in monitored
            if is_bad and (over or not waits_for_its_end):
                raise ActionError(f"The CloudWatch alarm {name} is in state {state}")
            if not is_bad and (over or waits_for_its_end):
                return Outcome()
            if invocation.stop.wait(_POLL_SECONDS):
                raise ActionAbandoned

    return Provider(
        run=run,
        required=("AlarmName",),
        optional=("AlarmStates", "WaitTime"),
        check=_check,
        inputs=(0, 0),
        outputs=(0, 0),
    )


def _monitored(configuration: Mapping[str, str]) -> frozenset[str]:
    named = configuration.get("AlarmStates", "ALARM")
    return frozenset(state.strip() for state in named.split(","))


def _check(configuration: Mapping[str, str]) -> None:
    if unknown := sorted(_monitored(configuration) - set(_STATES)):
        raise ValueError(
            f"AlarmStates must be of {', '.join(_STATES)}, with commas, not {', '.join(unknown)}"
        )
    wait = configuration.get("WaitTime", "0")
    if not wait.isdecimal():
        raise ValueError(f"WaitTime must be a whole number of minutes, not {wait!r}")


def _state(invocation: Invocation, name: str) -> str:
    found: Mapping[str, Any] = invocation.clients("cloudwatch").describe_alarms(
        AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    alarms = [*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())]
    if not alarms:
        raise ActionError(f"The CloudWatch alarm {name} does not exist", "ConfigurationError")
    return str(alarms[0]["StateValue"])
