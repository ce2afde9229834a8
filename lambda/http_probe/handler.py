"""The two protocols of deployment hooks: ECS reads what is returned, CodeDeploy is called."""

from __future__ import annotations

import os
from typing import Any, Literal

from http_probe.probe import Probe, SettingError


def handle(event: dict[str, Any], context: object) -> dict[str, str]:
    """Say whether a deployment may go on.

    Parameters
    ----------
    event
        What ECS or CodeDeploy sends. The latter names the deployment and the hook's execution.
    context
        Lambda's context; not needed.

    Returns
    -------
    dict[str, str]
        ``{"hookStatus": "SUCCEEDED"}`` or ``FAILED``, which ECS takes and CodeDeploy ignores.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html
    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html
    """
    passed = _passed()
    if "LifecycleEventHookExecutionId" in event:
        _report_to_code_deploy(event, "Succeeded" if passed else "Failed")
    return {"hookStatus": "SUCCEEDED" if passed else "FAILED"}


def _passed() -> bool:
    try:
        return Probe.of(os.environ).passes()
    except SettingError as error:
        # CodeDeploy would wait for an hour if this raised.
        print(f"The deployment must not continue: {error}; deploy the service's stack again")
        return False


def _report_to_code_deploy(event: dict[str, Any], status: Literal["Succeeded", "Failed"]) -> None:
    import boto3

    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )
