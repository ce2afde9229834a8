"""CodeBuild's API."""

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.emulator import scope
from local.emulator.builds import projects, reports
from local.emulator.builds.machine import BuildMachine
from local.emulator.builds.record import BuildRecord, builds
from local.emulator.builds.run import Job, Location, Runner
from local.emulator.clients import Clients
from local.emulator.service import Service, ServiceError, plug_in

# Where a project keeps what a start can override: section -> member -> name in StartBuild.
_OVERRIDES: Mapping[str, Mapping[str, str]] = {
    "source": {"type": "sourceType", "location": "sourceLocation", "buildspec": "buildspec"},
    "environment": {
        "type": "environmentType",
        "image": "image",
        "computeType": "computeType",
        "privilegedMode": "privilegedMode",
    },
    "": {
        name: name
        for name in (
            "artifacts",
            "secondaryArtifacts",
            "secondarySources",
            "cache",
            "serviceRole",
            "timeoutInMinutes",
            "queuedTimeoutInMinutes",
            "encryptionKey",
            "logsConfig",
        )
    },
}
_ENDED = ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED")


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOver:
    """What CodePipeline gives to a build, past the public API.

    Attributes
    ----------
    initiator
        ``codepipeline/NAME``.
    source, secondary_sources
        The input artifacts.
    resolved_source_version
        The commit that they come from.
    artifact, secondary_artifacts
        Where the output artifacts go.
    """

    initiator: str
    source: Location
    secondary_sources: Mapping[str, Location] = field(default_factory=dict)
    resolved_source_version: str = ""
    artifact: Location | None = None
    secondary_artifacts: Mapping[str, Location] = field(default_factory=dict)


class CodeBuild:
    """The service.

    Parameters
    ----------
    clients
        Clients of the emulator.
    machine
        What builds run on.
    """

    def __init__(self, clients: Clients, machine: BuildMachine) -> None:
        self._clients = clients
        self._machine = machine
        self._stops: dict[str, threading.Event] = {}
        self._running: set[str] = set()
        self._ended = threading.Condition()
        self._starting = threading.Lock()

    def register(self) -> None:
        """Put the service in the place of the emulator's own."""
        plug_in(
            Service(
                "codebuild",
                {
                    **projects.operations(),
                    **reports.operations(),
                    "StartBuild": self._start,
                    "StopBuild": self._stop,
                    "BatchGetBuilds": self._batch_get,
                    "BatchDeleteBuilds": self._batch_delete,
                    "ListBuilds": self._list,
                    "ListBuildsForProject": self._list_for_project,
                },
                {
                    "projects": projects.projects,
                    "builds": builds,
                    "report-groups": reports.groups,
                    "reports": reports.reports,
                    "test-cases": reports.cases,
                },
                restored=_give_up_running,
            )
        )
        projects.register_resource_type()
        reports.register_resource_type()

    def start(self, request: Mapping[str, Any], handed: HandOver | None = None) -> dict[str, Any]:
        """Start a build.

        Parameters
        ----------
        request
            As StartBuild takes it.
        handed
            What a pipeline gives; without it source and artifacts are those of the project.

        Returns
        -------
        dict
            The build as it is now.
        """
        project = _overridden(projects.find(request["projectName"]), request)
        clients = self._clients.acting_as(
            project.get("serviceRole", ""),
            "codebuild.amazonaws.com",
            {"aws:SourceArn": scope.arn("codebuild", f"project/{project['name']}")},
        )
        runner = Runner(clients, self._machine)
        job = _job(project, handed)
        with self._starting:
            build = _new_build(project, request, job, handed)
            builds[build["id"]] = build
        record = BuildRecord(build["id"])
        for phase in ("SUBMITTED", "QUEUED"):
            record.add_phase(phase, "SUCCEEDED", time.time())
        stop = self._stops[build["id"]] = threading.Event()
        with self._ended:
            self._running.add(build["id"])
        scope.in_background(f"build-{build['id']}", self._run, runner, record, job, stop)
        return record.fields

    def end(self, seconds: float) -> None:
        """End all builds, and wait for that so long at most: nothing of them is left."""
        with self._ended:
            for build_id in self._running:
                self.stop(build_id)
            self._ended.wait_for(lambda: not self._running, seconds)

    def _run(self, runner: Runner, record: BuildRecord, job: Job, stop: threading.Event) -> None:
        try:
            runner.run(record, job, stop)
        finally:
            with self._ended:
                self._running.discard(record.fields["id"])
                self._ended.notify_all()

    def stop(self, build_id: str) -> None:
        """Ask a build to end now."""
        if stop := self._stops.get(build_id):
            stop.set()

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"build": self.start(request)}

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        build_id = request["id"].rpartition(":build/")[2]
        if build_id not in builds:
            raise ServiceError("ResourceNotFoundException", f"Build {build_id} does not exist")
        self.stop(build_id)
        return {"build": builds[build_id]}

    def _batch_get(self, request: dict[str, Any]) -> dict[str, Any]:
        ids = {asked: asked.rpartition(":build/")[2] for asked in request["ids"]}
        return {
            "builds": [builds[build_id] for build_id in ids.values() if build_id in builds],
            "buildsNotFound": [asked for asked, build_id in ids.items() if build_id not in builds],
        }

    def _batch_delete(self, request: dict[str, Any]) -> dict[str, Any]:
        known = [build_id for build_id in request["ids"] if build_id in builds]
        ended = [build_id for build_id in known if builds[build_id]["buildStatus"] in _ENDED]
        deleted = [builds.pop(build_id)["arn"] for build_id in ended]
        return {
            "buildsDeleted": deleted,
            "buildsNotDeleted": [
                {"id": build_id, "statusCode": "BUILD_IN_PROGRESS"}
                for build_id in known
                if build_id not in ended
            ],
        }

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ids": _ids(list(builds.values()), request)}

    def _list_for_project(self, request: dict[str, Any]) -> dict[str, Any]:
        name = projects.find(request["projectName"])["name"]
        return {"ids": _ids([b for b in builds.values() if b["projectName"] == name], request)}


def _ids(found: list[dict[str, Any]], request: Mapping[str, Any]) -> list[str]:
    descending = request.get("sortOrder", "DESCENDING") == "DESCENDING"
    found.sort(key=lambda build: (build["startTime"], build["buildNumber"]), reverse=descending)
    return [build["id"] for build in found]


def _give_up_running() -> None:
    """End the builds of an earlier process: nobody works on them any more."""
    for (account, region, build_id), build in list(builds.all_items()):
        if build["buildStatus"] == "IN_PROGRESS":
            ended = {**build, "buildStatus": "FAULT", "buildComplete": True}
            ended |= {"currentPhase": "COMPLETED", "endTime": time.time()}
            builds.set_scoped(account, region, build_id, ended)


def _overridden(project: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a project with what a start has of its own.

    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
    """
    overridden = dict(project)
    for where, names in _OVERRIDES.items():
        changes = {
            name: request[f"{override}Override"]
            for name, override in names.items()
            if f"{override}Override" in request
        }
        overridden |= {where: {**project[where], **changes}} if where else changes
    # Of two variables with one name the start's counts.
    variables = {
        variable["name"]: {"type": "PLAINTEXT", **variable}
        for variable in (
            *project["environment"].get("environmentVariables", ()),
            *request.get("environmentVariablesOverride", ()),
        )
    }
    overridden["environment"] = {
        **overridden["environment"],
        "environmentVariables": list(variables.values()),
    }
    return overridden


def _new_build(
    project: Mapping[str, Any], request: Mapping[str, Any], job: Job, handed: HandOver | None
) -> dict[str, Any]:
    name = project["name"]
    unique = str(uuid.uuid4())
    build_id = f"{name}:{unique}"
    numbers = [build["buildNumber"] for build in builds.values() if build["projectName"] == name]
    version = handed.source.arn if handed else request.get("sourceVersion", "")
    return {
        "id": build_id,
        "arn": scope.arn("codebuild", f"build/{build_id}"),
        "buildNumber": max(numbers, default=0) + 1,
        "projectName": name,
        "startTime": time.time(),
        "currentPhase": "SUBMITTED",
        "buildStatus": "IN_PROGRESS",
        "buildComplete": False,
        "phases": [],
        "source": project["source"],
        "secondarySources": project.get("secondarySources", []),
        "artifacts": {"location": job.artifact.arn if job.artifact else ""},
        "secondaryArtifacts": [
            {"artifactIdentifier": identifier, "location": location.arn}
            for identifier, location in job.secondary_artifacts.items()
        ],
        "cache": project["cache"],
        "environment": project["environment"],
        "serviceRole": project.get("serviceRole", ""),
        "logs": _logs(project.get("logsConfig"), name, unique),
        "timeoutInMinutes": project["timeoutInMinutes"],
        "queuedTimeoutInMinutes": project["queuedTimeoutInMinutes"],
        "initiator": handed.initiator if handed else request.get("initiator", "local"),
        "encryptionKey": project["encryptionKey"],
        "exportedEnvironmentVariables": [],
        **({"sourceVersion": version} if version else {}),
        **(
            {"resolvedSourceVersion": handed.resolved_source_version}
            if handed and handed.resolved_source_version
            else {}
        ),
    }


def _logs(configuration: Mapping[str, Any] | None, project: str, unique: str) -> dict[str, Any]:
    cloud_watch = (configuration or {}).get("cloudWatchLogs") or {"status": "ENABLED"}
    if cloud_watch["status"] != "ENABLED":
        return {"cloudWatchLogs": cloud_watch}
    group = cloud_watch.get("groupName") or f"/aws/codebuild/{project}"
    prefix = cloud_watch.get("streamName")
    stream = f"{prefix}/{unique}" if prefix else unique
    return {
        "groupName": group,
        "streamName": stream,
        "cloudWatchLogs": cloud_watch,
        "cloudWatchLogsArn": scope.arn("logs", f"log-group:{group}:log-stream:{stream}"),
    }


def _job(project: Mapping[str, Any], handed: HandOver | None) -> Job:
    buildspec = project["source"].get("buildspec", "")
    variables = tuple(project["environment"]["environmentVariables"])
    if handed:
        return Job(
            buildspec=buildspec,
            variables=variables,
            source=handed.source,
            secondary_sources=handed.secondary_sources,
            resolved_source_version=handed.resolved_source_version,
            artifact=handed.artifact,
            secondary_artifacts=handed.secondary_artifacts,
        )
    return Job(
        buildspec=buildspec,
        variables=variables,
        source=_source(project["source"]),
        secondary_sources={
            source["sourceIdentifier"]: location
            for source in project.get("secondarySources", ())
            if (location := _source(source))
        },
        artifact=_artifact(project["artifacts"]),
        secondary_artifacts={
            artifacts["artifactIdentifier"]: location
            for artifacts in project.get("secondaryArtifacts", ())
            if (location := _artifact(artifacts))
        },
    )


def _source(source: Mapping[str, Any]) -> Location | None:
    match source["type"]:
        case "NO_SOURCE":
            return None
        case "S3":
            bucket, _, key = source["location"].removeprefix("arn:aws:s3:::").partition("/")
            return Location(bucket, key)
        case kind:
            raise ServiceError(
                "InvalidInputException",
                f"A {kind} source can only be built by "
                + ("a pipeline." if kind == "CODEPIPELINE" else "AWS, not by this emulator."),
            )


def _artifact(artifacts: Mapping[str, Any]) -> Location | None:
    if artifacts["type"] != "S3":
        return None
    parts = (artifacts.get("path", "").strip("/"), artifacts.get("name", ""))
    return Location(artifacts["location"], "/".join(part for part in parts if part))
