"""The CodeBuild action and rule: a build of the input artifact.

Batch builds, and what else CodePipeline can override of a project, are refused as unknown keys.
"""

import json
from collections.abc import Mapping
from typing import Any

from local.emulator.builds.record import builds
from local.emulator.builds.service import CodeBuild, HandOver
from local.emulator.permissions import permissions
from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Outcome,
    Provider,
)
from local.emulator.scope import arn
from local.emulator.service import ServiceError

_POLL_SECONDS = 0.1


def codebuild_provider(codebuild: CodeBuild) -> Provider:
    """Return the provider."""

    def run(invocation: Invocation) -> Outcome:
        project = arn("codebuild", f"project/{invocation.configuration['ProjectName']}")
        for action in ("StartBuild", "BatchGetBuilds"):
            permissions.demand(invocation.clients.role, f"codebuild:{action}", project)
        request = {
            "projectName": invocation.configuration["ProjectName"],
            "environmentVariablesOverride": _variables(invocation.configuration),
        }
        try:
            build = codebuild.start(request, _handed(invocation))
        except ServiceError as error:
            raise ActionError(f"Error calling startBuild: {error}", error.code) from error
        invocation.report(
            externalExecutionId=build["id"],
            externalExecutionUrl=build["logs"].get("cloudWatchLogsArn", ""),
        )
        while not build["buildComplete"]:
            if invocation.stop.wait(_POLL_SECONDS):
                permissions.demand(invocation.clients.role, "codebuild:StopBuild", project)
                codebuild.stop(build["id"])
                raise ActionAbandoned
            build = builds[build["id"]]
        if build["buildStatus"] != "SUCCEEDED":
            raise ActionError(_explanation(build))
        return Outcome(
            variables={
                each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]
            }
        )

    return Provider(
        run=run,
        required=("ProjectName",),
        optional=("EnvironmentVariables", "PrimarySource"),
        inputs=(1, 5),
        outputs=(0, 5),
    )


def _variables(configuration: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        variables: list[dict[str, Any]] = json.loads(
            configuration.get("EnvironmentVariables", "[]")
        )
    except ValueError as error:
        raise ActionError(
            f"The action's EnvironmentVariables are not JSON: {error}", "ConfigurationError"
        ) from error
    return variables


def _handed(invocation: Invocation) -> HandOver:
    primary = invocation.configuration.get("PrimarySource", next(iter(invocation.inputs)))
    if primary not in invocation.inputs:
        raise ActionError(
            f"PrimarySource {primary} is not an input artifact of the action", "ConfigurationError"
        )
    single = len(invocation.outputs) == 1
    return HandOver(
        initiator=f"codepipeline/{invocation.pipeline}",
        source=invocation.inputs[primary],
        secondary_sources={
            name: place for name, place in invocation.inputs.items() if name != primary
        },
        resolved_source_version=invocation.commit,
        artifact=next(iter(invocation.outputs.values())) if single else None,
        secondary_artifacts={} if single else invocation.outputs,
    )


def _explanation(build: Mapping[str, Any]) -> str:
    """Say which phase failed and how."""
    text = f"Build terminated with state: {build['buildStatus']}"
    failed = next(
        (
            phase
            for phase in build["phases"]
            if phase.get("phaseStatus", "SUCCEEDED") != "SUCCEEDED"
        ),
        None,
    )
    if failed:
        context = failed["contexts"][0]
        text += (
            f". Phase: {failed['phaseType']}, Code: {context['statusCode']}, "
            f"Message: {context['message']}"
        )
    return text
