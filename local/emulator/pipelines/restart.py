"""What a restart of the emulator leaves behind: executions that nobody works on any more."""

from local.emulator.pipelines.executions import (
    FINAL,
    action_executions,
    executions,
    stage_executions,
)
from local.emulator.pipelines.rule_executions import condition_states, rule_executions


def give_up_running() -> None:
    """End the executions of an earlier process."""
    summary = "The emulator was restarted while this execution ran."
    for (account, region, key), record in list(executions.all_items()):
        if record["status"] not in FINAL:
            ended = {**record, "status": "Stopped", "statusSummary": summary}
            executions.set_scoped(account, region, key, ended)
    for records, status in (
        (action_executions, "Abandoned"),
        (rule_executions, "Abandoned"),
        (stage_executions, "Stopped"),
    ):
        for (account, region, key), record in list(records.all_items()):
            if record["status"] in {"InProgress", "Stopping"}:
                records.set_scoped(account, region, key, {**record, "status": status})
    for (account, region, key), states in list(condition_states.all_items()):
        given_up = {
            kind: {**state, "status": "Abandoned"} if state["status"] == "InProgress" else state
            for kind, state in states.items()
        }
        condition_states.set_scoped(account, region, key, given_up)
