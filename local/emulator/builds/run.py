"""One build from its provisioning to its end, in the build agent."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from local import agent
from local.emulator.archives import ArchiveError, pack, unpack
from local.emulator.builds import reports
from local.emulator.builds.builders import remove_builders
from local.emulator.builds.log import BuildLog
from local.emulator.builds.machine import BuildMachine, MachineUnavailableError
from local.emulator.builds.record import BuildRecord, PhaseError
from local.emulator.builds.variables import Resolver, VariableError
from local.emulator.clients import Clients
from local.emulator.permissions import DeniedError, permissions
from local.emulator.service import ServiceError

CLONE = "clone"
"""Metadata of a source that a build clones: the call that this takes, to be made by its role."""

# The phases that the emulator goes through itself; the others are the agent's.
_OUR_PHASES = {
    "SUBMITTED",
    "QUEUED",
    "PROVISIONING",
    "DOWNLOAD_SOURCE",
    "FINALIZING",
    "COMPLETED",
}


@dataclass(frozen=True, slots=True)
class Location:
    """An object in S3."""

    bucket: str
    key: str

    @property
    def arn(self) -> str:
        """Its ARN, which CodeBuild gives as the version of a pipeline's source."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a build has to do, beside what its record says.

    Attributes
    ----------
    buildspec
        As the project names it: YAML text, the ARN of an object in S3, a path in the source, or
        nothing for the default path.
    source
        The zip archive to build; None for a project without source.
    secondary_sources
        Further archives by identifier.
    resolved_source_version
        The commit, where there is one.
    variables
        Environment variables of project and start, the later over the earlier.
    artifact
        Where the artifact goes, if anywhere.
    secondary_artifacts
        Where further artifacts go, by identifier.
    """

    buildspec: str
    source: Location | None
    secondary_sources: Mapping[str, Location] = field(default_factory=dict)
    resolved_source_version: str = ""
    variables: tuple[Mapping[str, Any], ...] = ()
    artifact: Location | None = None
    secondary_artifacts: Mapping[str, Location] = field(default_factory=dict)


class Runner:
    """Runs builds.

    Parameters
    ----------
    clients
        Clients of the emulator, with the role of the project.
    machine
        What builds run on.
    """

    def __init__(self, clients: Clients, machine: BuildMachine) -> None:
        self._clients = clients
        self._machine = machine
        self._resolver = Resolver(clients)

    def run(self, record: BuildRecord, job: Job, stop: threading.Event) -> None:
        """Run a build and keep its record, up to the end."""
        logs = record.fields["logs"]
        enabled = logs["cloudWatchLogs"]["status"] == "ENABLED"
        try:
            with (
                tempfile.TemporaryDirectory(
                    prefix="codebuild-", ignore_cleanup_errors=True
                ) as workshop,
                BuildLog(
                    self._clients("logs") if enabled else None,
                    logs.get("groupName", ""),
                    logs.get("streamName", ""),
                ) as log,
            ):
                record.start()
                status = self._go_through(record, job, Path(workshop), log, stop)
            # Who sees the end of a build finds its log complete and nothing else left of it.
            record.finish(status)
        except BaseException:
            record.finish("FAULT")
            raise

    def _go_through(
        self,
        record: BuildRecord,
        job: Job,
        workshop: Path,
        log: BuildLog,
        stop: threading.Event,
    ) -> str:
        try:
            with record.phase("PROVISIONING"):
                machine = self._provision(workshop)
            with record.phase("DOWNLOAD_SOURCE"):
                build = self._prepare(record, job, workshop, machine)
        except PhaseError as error:
            log(f"[Container] Phase context status code: {error.code} Message: {error}")
            return error.status
        record.update(currentPhase="BUILD")
        try:
            result = agent.run(build, log=log, stop=stop)
        finally:
            if left := remove_builders(build.machine):
                log(f"[Container] Builders are left in the container engine: {left}")
        self._take_phases(record, result)
        record.update(
            exportedEnvironmentVariables=[
                {"name": name, "value": value} for name, value in result.exported.items()
            ]
        )
        try:
            record.update(reportArns=list(reports.publish(record.fields, result, self._clients)))
        except ServiceError as error:
            log(f"[Container] Reports are not published: {error}")
        try:
            self._upload(job, result)
        except PhaseError as error:
            log(f"[Container] Phase context status code: {error.code} Message: {error}")
            record.add_phase("UPLOAD_ARTIFACTS", error.status, time.time(), error.code, str(error))
            return error.status
        with record.phase("FINALIZING"):
            pass
        return result.status

    def _provision(self, workshop: Path) -> dict[str, str]:
        try:
            engine = self._machine.environment()
        except MachineUnavailableError as error:
            raise PhaseError("FAILED", "BUILD_CONTAINER_UNABLE_TO_START", str(error)) from error
        own = {name: workshop / name.lower() for name in ("HOME", "TMPDIR", "BUILDX_CONFIG")}
        for folder in own.values():
            folder.mkdir()
        if settings := engine.get("DOCKER_CONFIG"):
            # Logins end with the build, as they do on a machine that is thrown away.
            own["DOCKER_CONFIG"] = workshop / "docker"
            shutil.copytree(settings, own["DOCKER_CONFIG"], ignore=shutil.ignore_patterns("buildx"))
        variables = {name: str(folder) for name, folder in own.items()}
        return {**engine, **variables, **self._clients.environment()}

    def _prepare(
        self, record: BuildRecord, job: Job, workshop: Path, machine: dict[str, str]
    ) -> agent.Build:
        try:
            source = self._fetch(job.source, workshop / "src")
            secondary = {
                name: self._fetch(location, workshop / f"src-{name}")
                for name, location in job.secondary_sources.items()
            }
            buildspec = self._buildspec(job.buildspec, source)
            resolved = self._resolver.resolve(job.variables)
        except VariableError as error:
            raise PhaseError("FAILED", "CLIENT_ERROR", str(error)) from error
        except (ClientError, ArchiveError, DeniedError) as error:
            raise PhaseError("FAILED", "CLIENT_ERROR", f"The source failed: {error}") from error
        return agent.Build(
            buildspec=buildspec,
            source=source,
            environment={
                **_variables_of(record.fields, source, job.resolved_source_version),
                **{f"CODEBUILD_SRC_DIR_{name}": str(path) for name, path in secondary.items()},
                **resolved.values,
            },
            machine=machine,
            secrets=resolved.secrets,
            timeout=60 * record.fields["timeoutInMinutes"],
            parameter=self._resolver.parameter,
            secret=self._resolver.secret,
            secondary_sources=secondary,
        )

    def _fetch(self, location: Location | None, folder: Path) -> Path:
        folder.mkdir()
        if location is not None:
            unpack(self._object(location), folder)
        return folder

    def _object(self, location: Location) -> bytes:
        found = self._clients("s3").get_object(Bucket=location.bucket, Key=location.key)
        if clone := found["Metadata"].get(CLONE):
            action, resource, context = json.loads(clone)
            permissions.demand(self._clients.role, action, resource, context)
        body: bytes = found["Body"].read()
        return body

    def _buildspec(self, named: str, source: Path) -> str:
        if named.startswith("arn:"):
            bucket, _, key = named.partition(":s3:::")[2].partition("/")
            return self._object(Location(bucket, key)).decode()
        if _is_inline(named):
            return named
        file = source / (named or "buildspec.yml")
        if not file.is_file():
            raise PhaseError(
                "FAILED",
                "YAML_FILE_ERROR",
                f"YAML file does not exist: {file.relative_to(source)} in the source",
            )
        return file.read_text(encoding="utf-8")

    @staticmethod
    def _take_phases(record: BuildRecord, result: agent.BuildResult) -> None:
        for phase in result.phases:
            # Of a phase of ours the agent tells when its own part of it failed.
            if phase.name not in _OUR_PHASES or phase.status != "SUCCEEDED":
                code, _, message = phase.message.partition(": ")
                record.add_phase(
                    phase.name,
                    phase.status,
                    phase.started.timestamp(),
                    code if message else "",
                    message or code,
                    phase.seconds,
                )

    def _upload(self, job: Job, result: agent.BuildResult) -> None:
        folders = [(job.artifact, result.artifacts)] if job.artifact else []
        for name, location in job.secondary_artifacts.items():
            folders.append((location, result.secondary_artifacts.get(name)))
        for location, folder in folders:
            if folder is None:
                # Nothing to give after a failure is no failure of its own.
                if result.status != "SUCCEEDED":
                    continue
                raise PhaseError(
                    "FAILED", "CLIENT_ERROR", f"No artifact was made for {location.key}"
                )
            self._clients("s3").put_object(
                Bucket=location.bucket, Key=location.key, Body=pack(folder)
            )


def _is_inline(named: str) -> bool:
    try:
        return isinstance(yaml.safe_load(named), dict)
    except yaml.YAMLError:
        # Wrong YAML is still no path: the agent says what is wrong with it.
        return "\n" in named


def _variables_of(build: Mapping[str, Any], source: Path, resolved: str) -> dict[str, str]:
    """Return the variables that CodeBuild sets itself."""
    return {
        "CI": "true",
        "CODEBUILD_CI": "true",
        "CODEBUILD_BUILD_ARN": build["arn"],
        "CODEBUILD_BUILD_ID": build["id"],
        "CODEBUILD_BUILD_IMAGE": build["environment"]["image"],
        "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
        "CODEBUILD_INITIATOR": build["initiator"],
        "CODEBUILD_KMS_KEY_ID": build["encryptionKey"],
        "CODEBUILD_LOG_PATH": build["logs"].get("streamName", ""),
        "CODEBUILD_RESOLVED_SOURCE_VERSION": resolved,
        "CODEBUILD_SOURCE_VERSION": build.get("sourceVersion", ""),
        "CODEBUILD_SRC_DIR": str(source),
        "CODEBUILD_START_TIME": str(int(build["startTime"] * 1000)),
    }
