"""Builds of applications in a local cloud, each on a machine that knows nothing.

All contestants build on one engine. What one leaves there must not help or hinder another: BuildKit
keeps a record of each step, also of one whose layers are gone, and then does not look for it in the
cache that it has been told to read. So each contestant's Dockerfile sets a variable of its own at
the start of every stage: no step of one is a step of another.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from container_pipelines import DockerBuild, LayerCache, ScanGate
from container_pipelines._assets import build_program
from container_pipelines.build.buildspec import build_file
from local.clients import clients
from local.cloud import ACCOUNT, REGION, ROOT, Cloud
from local.release import Commit

APPLICATIONS: Final = {
    "sample application": ROOT / "samples" / "my-container-app",
    "two stages, ten seconds of dependencies": Path(__file__).parent / "two-stages",
    "compiled application": Path(__file__).parent / "compiled",
}
BASELINE: Final = Path(__file__).parent / "baseline.yml"
_BUCKET = _ROLE = "benchmark"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "codebuild.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
# More than builds need, and the same for all: permissions are not what is measured.
_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ecr:*", "logs:*", "s3:Get*", "s3:List*"],
            "Resource": "*",
        }
    ],
}
_PHASES: Final = ("PRE_BUILD", "BUILD", "POST_BUILD")
_POLL_SECONDS: Final = 0.05


class BuildFailedError(RuntimeError):
    """A build did not succeed; the message carries the end of its log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one build cost.

    Attributes
    ----------
    seconds
        From its start to the end of its last phase: what the local cloud then clears away, a
        machine of CodeBuild takes along.
    pushed
        Bytes that the registry stores more than before.
    phases
        Seconds by phase of the buildspec, those of CodeBuild itself left out.
    steps
        Seconds by step, as the build itself tells them.
    """

    seconds: float
    pushed: int
    phases: Mapping[str, float]
    steps: Mapping[str, float]


class Builds:
    """Builds with one buildspec, to a repository of their own.

    Parameters
    ----------
    cloud
        The cloud, with an engine.
    name
        What repository and project are called.
    buildspec
        The buildspec's text.
    variables
        Its variables, without the repository's address.
    source
        The folder of the application; it is copied, so that it can be changed.
    """

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        *,
        buildspec: str,
        variables: Mapping[str, str],
        source: Path,
    ) -> None:
        self._cloud = cloud
        self._name = name
        self._client = clients(cloud.endpoint)
        self._source = Path(shutil.copytree(source, cloud.folder / name))
        dockerfile = self._source / "Dockerfile"
        dockerfile.write_text(_of_its_own(dockerfile.read_text(), name))
        uri = self._client("ecr").create_repository(
            repositoryName=name,
            imageScanningConfiguration={"scanOnPush": True},
        )["repository"]["repositoryUri"]
        values = {"REPOSITORY_URI": uri, **variables}
        self._client("codebuild").create_project(
            name=name,
            source={"type": "NO_SOURCE", "buildspec": buildspec},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/amazonlinux-x86_64-standard:6.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": [
                    {"name": key, "value": value} for key, value in values.items()
                ],
            },
            serviceRole=f"arn:aws:iam::{ACCOUNT}:role/{_ROLE}",
        )

    def change_one_line(self) -> None:
        """Change a line of the application's source."""
        greeting = self._source / "src" / "greeting.js"
        greeting.write_text(f"export const GREETING = 'Hello at {time.time_ns()}';\n")

    def run(self) -> Measured:
        """Build the source as it is, on a machine without images or cache.

        Returns
        -------
        Measured
            What it cost.

        Raises
        ------
        BuildFailedError
            If the build fails.
        """
        self._forget()
        before = self._stored()
        commit = Commit.of(self._source)
        self._client("s3").put_object(Bucket=_BUCKET, Key=self._name, Body=commit.archive)
        builds = self._client("codebuild")
        build_id = builds.start_build(
            projectName=self._name,
            sourceTypeOverride="S3",
            sourceLocationOverride=f"{_BUCKET}/{self._name}",
            environmentVariablesOverride=[
                {"name": "CODEBUILD_RESOLVED_SOURCE_VERSION", "value": commit.id}
            ],
        )["build"]["id"]
        while True:
            (build,) = builds.batch_get_builds(ids=[build_id])["builds"]
            if build["buildComplete"]:
                break
            time.sleep(_POLL_SECONDS)
        if build["buildStatus"] != "SUCCEEDED":
            raise BuildFailedError(f"{self._name}: {self._log(build)[-3000:]}")
        phases = {
            phase["phaseType"]: phase for phase in build["phases"] if phase["phaseType"] in _PHASES
        }
        ended = max(phase["endTime"] for phase in phases.values())
        return Measured(
            seconds=(ended - build["startTime"]).total_seconds(),
            pushed=self._stored() - before,
            phases={
                name: (phase["endTime"] - phase["startTime"]).total_seconds()
                for name, phase in phases.items()
            },
            steps=_steps(self._log(build)),
        )

    def _forget(self) -> None:
        """Remove what a machine of CodeBuild, new for each build, would not have."""
        engine = self._cloud.engine
        assert engine is not None  # noqa: S101 - for the type checker: the caller has looked
        for command in (
            ("docker", "image", "prune", "--all", "--force"),
            ("docker", "buildx", "prune", "--all", "--force"),
        ):
            subprocess.run(
                command, env={**os.environ, **engine.environment}, check=True, capture_output=True
            )

    def _stored(self) -> int:
        blobs = self._cloud.folder / "state" / "blobs" / ACCOUNT / REGION / self._name
        return sum(file.stat().st_size for file in blobs.glob("*"))

    def _log(self, build: Mapping[str, Any]) -> str:
        events = self._client("logs").get_log_events(
            logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"]
        )["events"]
        return "\n".join(event["message"] for event in events)


def _of_its_own(dockerfile: str, name: str) -> str:
    """Have no step in common with the Dockerfile of another contestant."""
    return re.sub(r"(?m)^(FROM .*)$", rf"\1\nENV BENCHMARK={name}", dockerfile)


def _steps(log: str) -> dict[str, float]:
    """Read the times that the program of the build writes into its log."""
    told = re.findall(r"^Took: (.*)$", log, re.MULTILINE)
    pairs = re.findall(r"([A-Za-z ]+?) ([\d.]+) s(?:, |$)", ", ".join(told))
    return {name: float(seconds) for name, seconds in pairs}


class Contestants:
    """Who builds: each application with each buildspec, in repositories of its own for each round.

    Parameters
    ----------
    cloud
        The cloud.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        client = clients(cloud.endpoint)
        iam, s3 = client("iam"), client("s3")
        iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=json.dumps(_TRUST))
        iam.put_role_policy(RoleName=_ROLE, PolicyName="builds", PolicyDocument=json.dumps(_POLICY))
        s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        program = build_program()
        s3.put_object(Bucket=_BUCKET, Key=program.path.name, Body=program.path.read_bytes())
        self._variables = {
            "CACHE_TAG": "buildcache",
            "CONTAINER_NAME": "app",
            "SCAN_GATE": ScanGate().settings(),
            "BUILD_PROGRAM": f"s3://{_BUCKET}/{program.path.name}",
            "BUILD_PROGRAM_SHA256": program.sha256,
        }

    def of(self, application: str, number: int) -> dict[str, Builds]:
        """Give the builds of one round.

        Parameters
        ----------
        application
            One of `APPLICATIONS`.
        number
            Which round.

        Returns
        -------
        dict
            The builds by ``usual``, ``inline``, and where this one keeps its layers: ``image`` or
            ``registry``.
        """
        source = APPLICATIONS[application]
        ours = build_file("build.yml")
        made = {
            "usual": (BASELINE, {"INLINE_CACHE": "0"}),
            "inline": (BASELINE, {"INLINE_CACHE": "1"}),
            **{
                str(place): (ours, _variables(DockerBuild(layer_cache=place)))
                for place in LayerCache
            },
        }
        which = [*APPLICATIONS].index(application)
        return {
            name: Builds(
                self._cloud,
                f"{name}-{which}-{number}",
                buildspec=buildspec.read_text(),
                variables={**self._variables, **own},
                source=source,
            )
            for name, (buildspec, own) in made.items()
        }


def _variables(build: DockerBuild) -> dict[str, str]:
    return {name: str(variable.value) for name, variable in build.variables().items()}
