"""Builds by the shipped buildspec, in projects that the library's own construct declares."""

import contextlib
import gzip
import io
import json
import re
import secrets
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
import yaml
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from container_pipelines import BuildProject, EcrRepo
from container_pipelines._assets import build_program
from tests.buildspecs.registry_front import RegistryFront
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually, packed

ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
ELSEWHERE = "us-west-2"
"""A region that no build runs in; its registry is there too."""
ECR_ELSEWHERE = f"{ACCOUNT}.dkr.ecr.{ELSEWHERE}.amazonaws.com"
BUCKET = "builds"
SOURCE_URL = "https://github.com/your-org/my-app"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TAG = "0123456"
SCRATCH = {"Dockerfile": "FROM scratch\nCOPY app.txt /\n", "app.txt": "one"}

_LONGEST_BUILD = 60.0

Configure = Callable[[cdk.Stack], Mapping[str, Any]]


def _grant_surroundings(stack: cdk.Stack, role: iam.IRole) -> None:
    """Grant what pipelines do, and users whose images and settings are elsewhere."""
    bucket = s3.Bucket.from_bucket_name(stack, "Artifacts", BUCKET)
    bucket.grant_read(role, "*.zip")
    bucket.grant_put(role, "*/artifact.zip")
    for actions, service, resources in (
        (
            ["GetParameter", "GetParameters"],
            "ssm",
            ["parameter/delivery/previous/*", "parameter/absent"],
        ),
        (["GetSecretValue"], "secretsmanager", ["secret:/absent"]),
        (
            ["BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"],
            "ecr",
            ["repository/team/*", "repository/absent"],
        ),
    ):
        iam.Grant.add_to_principal(
            grantee=role,
            actions=[f"{service}:{action}" for action in actions],
            resource_arns=[
                f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}" for resource in resources
            ],
        )


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A build that is over.

    Attributes
    ----------
    phases
        Phase -> why it failed, or the empty text.
    exported
        Its exported variables.
    artifact
        File -> content; None without an artifact.
    log
        All lines.
    """

    record: Mapping[str, Any]
    status: str
    phases: Mapping[str, str]
    exported: Mapping[str, str]
    artifact: Mapping[str, bytes] | None
    log: tuple[str, ...]

    @property
    def failure(self) -> tuple[str, str] | None:
        """The phase that failed first, and why: of a command its end alone."""
        for name, message in self.phases.items():
            if message:
                return name, message.rpartition("Reason: ")[2]
        return None

    @property
    def said(self) -> str:
        """What commands put out, without their own text and CodeBuild's lines."""
        return self._output("\n".join(self.log))

    @property
    def last_words(self) -> str:
        """The last lines that commands put out before the first of them failed."""
        before = "\n".join(self.log).partition("Command did not exit successfully")[0]
        return "\n".join(self._output(before).splitlines()[-20:])

    def _output(self, log: str) -> str:
        phases = yaml.safe_load(self.record["source"]["buildspec"])["phases"]
        for phase in phases.values():
            for command in (*phase["commands"], *phase.get("finally", ())):
                log = log.replace(command.rstrip("\n"), "")
        lines = (line for line in log.splitlines() if not line.startswith("[Container]"))
        return "\n".join(line for line in lines if line.strip())

    @property
    def deploys(self) -> list[dict[str, str]] | None:
        """The content of imagedefinitions.json; None where there is none."""
        content = (self.artifact or {}).get("imagedefinitions.json")
        found: list[dict[str, str]] | None = json.loads(content) if content else None
        return found

    def cached_steps(self) -> set[str]:
        """The Dockerfile's steps that came out of a cache.

        BuildKit says so of a step whose layer it does not need to have. One that a later step is
        built on is fetched and unpacked instead.
        """
        steps = dict(re.findall(r"^#(\d+) \[[^\]]*\d/\d\] (.*)$", self.said, re.MULTILINE))
        cached = re.findall(r"^#(\d+) (?:CACHED$|extracting sha256:)", self.said, re.MULTILINE)
        return {steps[number] for number in cached if number in steps}


class Project:
    """A repository with the project that builds for it, both deployed as the library makes them."""

    def __init__(
        self, emulator: Emulator, front: RegistryFront, name: str, configure: Configure
    ) -> None:
        self.repository = name
        self.secrets: set[str] = set()
        self._front = front
        self.uri = f"{ECR}/{name}"
        self._emulator = emulator
        stack = cdk.Stack(
            cdk.App(),
            name.replace("/", "-"),
            synthesizer=cdk.DefaultStackSynthesizer(
                file_assets_bucket_name=BUCKET, generate_bootstrap_version_rule=False
            ),
        )
        own = EcrRepo(stack, "Images", repository_name=name).repository
        build = BuildProject(
            stack,
            "Build",
            project_name=stack.stack_name,
            **{"repository": own, **configure(stack)},
        )
        _grant_surroundings(stack, build.role)
        template = cdk.assertions.Template.from_stack(stack).to_json()
        # No build reads the image pointer, and nobody has uploaded the function that makes it.
        template["Resources"] = {
            logical_id: resource
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] not in ("Custom::ImagePointer", "AWS::Lambda::Function")
        }
        self.stack = emulator.deploy(template, stack.stack_name)
        self.name = stack.stack_name
        self.build_project = build
        found = self.client("codebuild").batch_get_projects(names=[self.name])["projects"][0]
        (program,) = (
            variable["value"]
            for variable in found["environment"]["environmentVariables"]
            if variable["name"] == "BUILD_PROGRAM"
        )
        self._program = program.removeprefix(f"s3://{BUCKET}/")
        self._upload_program()

    def client(self, service: str) -> Any:
        return self._emulator.client(service)

    def _upload_program(self) -> None:
        self.client("s3").put_object(
            Bucket=BUCKET, Key=self._program, Body=build_program().path.read_bytes()
        )

    @contextlib.contextmanager
    def without_program(self) -> Iterator[None]:
        """Have the program of builds be gone for a while."""
        self.client("s3").delete_object(Bucket=BUCKET, Key=self._program)
        try:
            yield
        finally:
            self._upload_program()

    def start(
        self,
        files: Mapping[str, str | bytes],
        *,
        commit: str = "",
        container: str = "app",
        **variables: str | Mapping[str, str],
    ) -> str:
        """Start a build as the pipeline does, but for where source and artifact are."""
        key = secrets.token_hex(8)
        self.client("s3").put_object(Bucket=BUCKET, Key=f"{key}.zip", Body=packed(files))
        given = {
            "CONTAINER_NAME": container,
            "SOURCE_URL": SOURCE_URL,
            # CodeBuild sets it for what a pipeline hands over; a source in S3 has no commit.
            "CODEBUILD_RESOLVED_SOURCE_VERSION": commit,
            **variables,
        }
        started = self.client("codebuild").start_build(
            projectName=self.name,
            sourceTypeOverride="S3",
            sourceLocationOverride=f"{BUCKET}/{key}.zip",
            artifactsOverride={
                "type": "S3",
                "location": BUCKET,
                "path": key,
                "name": "artifact.zip",
                "packaging": "ZIP",
            },
            environmentVariablesOverride=[
                {"name": name, **(value if isinstance(value, Mapping) else {"value": value})}
                for name, value in given.items()
            ],
        )["build"]
        build_id: str = started["id"]
        return build_id

    def build(self, files: Mapping[str, str | bytes], **options: Any) -> Finished:
        """Build some files."""
        return self.finished(self.start(files, **options))

    def finished(self, build_id: str, *, hides: bool = False) -> Finished:
        """Wait for the end of a build; `hides` tells that CodeBuild has a secret to hide."""

        def over() -> dict[str, Any] | None:
            (build,) = self.client("codebuild").batch_get_builds(ids=[build_id])["builds"]
            return build if build["buildComplete"] else None

        record = eventually(over, _LONGEST_BUILD)
        log = self._log(record)
        # Of every build, whatever becomes of it.
        for secret in self.secrets | self._front.passwords:
            assert not [line for line in log if secret in line], "a secret is in the log"
        assert hides is any("***" in line for line in log), "CodeBuild had to hide a secret"
        phases = {
            phase["phaseType"]: "; ".join(
                f"{context.get('statusCode')}: {context.get('message')}"
                for context in phase.get("contexts", ())
                if context.get("statusCode")
            )
            or ("" if phase.get("phaseStatus", "SUCCEEDED") == "SUCCEEDED" else "?")
            for phase in record["phases"]
        }
        build = Finished(
            record=record,
            status=record["buildStatus"],
            phases=phases,
            exported={v["name"]: v["value"] for v in record["exportedEnvironmentVariables"]},
            artifact=self._artifact(record),
            log=log,
        )
        # Shown where a test fails.
        print(f"{self.name}: {build.status} {build.failure or ''}\n{build.last_words}\n")
        return build

    def _artifact(self, record: Mapping[str, Any]) -> dict[str, bytes] | None:
        location = record["source"]["location"].removeprefix(f"{BUCKET}/").removesuffix(".zip")
        client = self.client("s3")
        listed = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{location}/").get("Contents", ())
        if not listed:
            return None
        (found,) = listed
        content = client.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def _log(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        logs = record["logs"]
        pages = self.client("logs").get_paginator("filter_log_events")
        return tuple(
            event["message"].rstrip("\n")
            for page in pages.paginate(
                logGroupName=logs["groupName"], logStreamNames=[logs["streamName"]]
            )
            for event in page["events"]
        )

    def tags(self) -> dict[str, str]:
        """Tag -> digest, without the layer cache's."""
        return {
            tag: image["imageDigest"]
            for image in self.images()
            for tag in image.get("imageTags", ())
            if not tag.startswith("buildcache")
        }

    def images(self) -> list[dict[str, Any]]:
        """Return all that the repository holds."""
        found: list[dict[str, Any]] = self.client("ecr").describe_images(
            repositoryName=self.repository
        )["imageDetails"]
        return found

    def manifest(self, digest: str) -> dict[str, Any]:
        """Return a manifest."""
        (image,) = self.client("ecr").batch_get_image(
            repositoryName=self.repository, imageIds=[{"imageDigest": digest}]
        )["images"]
        found: dict[str, Any] = json.loads(image["imageManifest"])
        return found

    def blob(self, digest: str) -> bytes:
        """Return a layer or a configuration."""
        token = self.client("ecr").get_authorization_token()["authorizationData"][0]
        status, content, _ = self._emulator.http(
            "GET",
            f"/v2/{self.repository}/blobs/{digest}",
            headers={"Authorization": f"Basic {token['authorizationToken']}"},
        )
        assert status == 200, content
        return content if isinstance(content, bytes) else json.dumps(content).encode()

    def config(self, digest: str) -> dict[str, Any]:
        """Return the configuration of an image."""
        found: dict[str, Any] = json.loads(self.blob(self.manifest(digest)["config"]["digest"]))
        return found

    def files(self, digest: str) -> dict[str, bytes]:
        """Return the files of an image's layers, the upper over the lower."""
        found: dict[str, bytes] = {}
        for layer in self.manifest(digest)["layers"] or ():
            content = self.blob(layer["digest"])
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                for member in tar:
                    file = tar.extractfile(member) if member.isfile() else None
                    if file is not None:
                        found[member.name] = file.read()
        return found

    def everything(self) -> Iterator[bytes]:
        """Give every manifest and blob of the repository, those in gzip unpacked."""
        for image in self.images():
            manifest = self.manifest(image["imageDigest"])
            yield json.dumps(manifest).encode()
            for part in (manifest.get("config"), *(manifest.get("layers") or ())):
                if part:
                    content = self.blob(part["digest"])
                    yield gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content

    def find(self, *findings: Mapping[str, Any], **more: Any) -> None:
        """Say what scans of this repository's images find."""
        body = json.dumps({"findings": list(findings), **more}).encode()
        status, answer = self._emulator.local(
            "POST", "scan-findings", body, repository=self.repository
        )
        assert status == 200, answer
