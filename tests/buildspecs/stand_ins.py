"""Builds by the shipped buildspec and its real program, with stand-ins of Docker and the AWS CLI.

The build agent of the local cloud executes the buildspec as CodeBuild does. The stand-ins note each
call with its arguments, variables and working folder, and answer as they are told.
"""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from container_pipelines._assets import build_program
from container_pipelines.build.buildspec import build_file
from local.agent import Build, BuildResult, run

ACCOUNT = "111122223333"
REGISTRY = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
URI = f"{REGISTRY}/team/my-app"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TAG = "0123456"
DIGEST = "sha256:" + "a" * 64
IMAGE = f"{URI}@{DIGEST}"
REVISION = "arn:aws:ecs:eu-west-1:111122223333:task-definition/my-app:7"
PASSWORD = "registry-password-0123456789"
SCRATCH = {"Dockerfile": "FROM scratch\nCOPY app.txt /\n", "app.txt": "one"}
SECONDARY = """\
  secondary-artifacts:
    Build:
      base-directory: .container-artifact
      files:
        - '**/*'
    Deploy:
      base-directory: .container-deploy-files
      files:
        - taskdef.json
        - appspec.yaml
        - imageDetail.json
"""

# Its answers: a call's kind -> status and text, or a list of them, of which the last one stays.
STAND_IN = r"""#!{python} -ISE
import json, os, pathlib, sys

here = pathlib.Path({here!r})
name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
words = [name]
for argument in arguments:
    if argument.startswith("-") or "/" in argument or len(words) == 4:
        break
    words.append(argument)
kind = " ".join(words)
for option in ("--push", "--load", "--sbom", "--bootstrap"):
    if option in arguments:
        kind = f"{{kind}} {{option}}"
reads = "--password-stdin" in arguments
call = {{
    "kind": kind,
    "arguments": arguments,
    "folder": os.getcwd(),
    "variables": dict(os.environ),
    "text": sys.stdin.read() if reads else "",
}}
log = here / "calls"
before = [json.loads(line)["kind"] for line in log.read_text().splitlines()] if log.exists() else []
with log.open("a") as file:
    file.write(json.dumps(call) + "\n")
scenario = json.loads((here / "scenario.json").read_text())


def value(option):
    return arguments[arguments.index(option) + 1]


def end(status, text):
    print(text, file=sys.stderr if status else sys.stdout)
    sys.exit(status)


answers = scenario["answers"].get(kind)
if answers is not None:
    answers = answers if isinstance(answers[0], list) else [answers]
    status, text = answers[min(before.count(kind), len(answers) - 1)]
    if status is not None:
        end(status, text)
if kind.startswith("aws s3 cp"):
    pathlib.Path(arguments[-1]).write_bytes((here / "program").read_bytes())
elif kind == "aws ecr get-authorization-token":
    import base64

    token = base64.b64encode(b"AWS:" + {password!r}.encode()).decode()
    end(0, json.dumps({{"authorizationData": [{{"authorizationToken": token}}]}}))
elif kind == "aws ecr batch-get-image" and "imageTag" in value("--cli-input-json"):
    (image,) = json.loads(value("--cli-input-json"))["imageIds"]
    end(0, json.dumps({{"images": [{{}}] if image["imageTag"] in scenario["tags"] else []}}))
elif kind == "aws ecr batch-get-image":
    manifest = {{"imageManifest": json.dumps({{"layers": []}}), "imageManifestMediaType": "kind"}}
    end(0, json.dumps({{"images": [manifest]}}))
elif kind == "aws ecr describe-image-scan-findings":
    end(0, json.dumps(scenario["scan"]))
elif kind == "aws ssm get-parameter":
    found = scenario["parameters"].get(json.loads(value("--cli-input-json"))["Name"])
    if found is None:
        end(254, "An error occurred (ParameterNotFound) when calling GetParameter: none")
    end(0, json.dumps({{"Parameter": {{"Value": found}}}}))
elif kind == "aws ecs describe-task-definition":
    end(0, json.dumps({{"taskDefinition": scenario["definition"]}}))
elif kind == "docker buildx imagetools inspect":
    end(0, json.dumps(scenario["image"]))
if kind.startswith("docker buildx build") and os.environ.get("BUILDX_GIT_INFO") != "false":
    # As buildx does.
    os.system(f"git -C '{{arguments[-1]}}' status >/dev/null 2>&1")
if kind == "docker buildx build --push":
    metadata = {{
        "containerimage.digest": scenario["digest"],
        "containerimage.descriptor": {{"mediaType": scenario["kind"]}},
    }}
    pathlib.Path(value("--metadata-file")).write_text(json.dumps(metadata))
    print("#1 pushing", flush=True)
elif kind == "docker buildx build --sbom":
    import io, tarfile

    prefix = value("--output").partition("attestation-prefix=")[2]
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for path in scenario["sbom"]:
            content = path.encode()
            entry = tarfile.TarInfo(path.replace("PREFIX-", prefix))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
elif kind == "docker run":
    results = pathlib.Path(value("--volume").partition(":")[0])
    for path, content in scenario["results"].items():
        (results / path).write_text(content)
    for path, target in scenario["links"].items():
        (results / path).symlink_to(target)
"""

DEFINITION: dict[str, Any] = {
    "taskDefinitionArn": REVISION,
    "revision": 7,
    "family": "my-app",
    "requiresCompatibilities": ["FARGATE"],
    "executionRoleArn": "arn:aws:iam::111122223333:role/execution",
    "containerDefinitions": [{"name": "app", "image": "my-app@sha256:" + "0" * 64}],
}
CLEAN: dict[str, Any] = {
    "imageScanStatus": {"status": "COMPLETE"},
    "imageScanFindings": {"findings": [], "imageScanCompletedAt": 1.0},
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a stand-in."""

    kind: str
    arguments: list[str]
    folder: str
    variables: dict[str, str]
    text: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A build that is over.

    Attributes
    ----------
    failure
        The phase that failed first, and CodeBuild's message about it.
    said
        What commands put out, without CodeBuild's own lines.
    log
        All lines.
    artifact, deploy
        File -> content; None without the artifact.
    calls
        What was called.
    """

    result: BuildResult
    failure: tuple[str, str] | None
    said: tuple[str, ...]
    log: tuple[str, ...]
    artifact: Mapping[str, bytes] | None
    deploy: Mapping[str, bytes] | None
    calls: Sequence[Call]

    @property
    def status(self) -> str:
        return self.result.status

    @property
    def deploys(self) -> Any:
        """The content of imagedefinitions.json; None where there is none."""
        content = (self.artifact or {}).get("imagedefinitions.json")
        return json.loads(content) if content else None

    @property
    def kinds(self) -> list[str]:
        return [call.kind for call in self.calls]

    def call(self, kind: str) -> Call:
        (found,) = (call for call in self.calls if call.kind == kind)
        return found


@dataclass
class Machine:
    """A build machine of its own for each test.

    Attributes
    ----------
    folder
        All that is on it.
    source
        The source's root.
    buildspec
        What is run.
    variables
        Those of project and pipeline.
    scenario
        What the stand-ins answer.
    path
        What stands before everything else in ``PATH``.
    """

    folder: Path
    buildspec: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    scenario: dict[str, Any] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    machine: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = build_program()
        self.source = self.folder / "codebuild" / "src"
        self.programs = self.folder / "programs"
        for folder in (self.source, self.programs, self.folder / "home", self.folder / "tmp"):
            folder.mkdir(parents=True)
        for name in ("docker", "aws"):
            self.install(
                name,
                STAND_IN.format(python=sys.executable, here=str(self.programs), password=PASSWORD),
            )
        # As pyenv's shims do: what a file in the folder says is what runs.
        self.install(
            "python3",
            "#!/bin/bash\n"
            'if [ -n "$PYENV_VERSION" ]; then exec "$PYENV_VERSION/bin/python3" "$@"; fi\n'
            'if [ -f .python-version ]; then exec "$(cat .python-version)/bin/python3" "$@"; fi\n'
            f'exec {sys.executable} "$@"\n',
        )
        shutil.copy(program.path, self.programs / "program")
        self.buildspec = self.buildspec or build_file("build.yml").read_text(encoding="utf-8")
        self.variables = {
            "BUILD_PROGRAM": "s3://assets/program.pyz",
            "BUILD_PROGRAM_SHA256": program.sha256,
            "REPOSITORY_URI": URI,
            "CACHE_TAG": "buildcache",
            "SCAN_GATE": json.dumps({"poll_interval": 0.01, "max_wait": 5}),
            "BUILD_OPTIONS": json.dumps({"dockerfile": "Dockerfile", "context": "."}),
            "BUILD_PLATFORMS": "linux/amd64",
            "CONTAINER_NAME": "app",
            "SOURCE_URL": "https://github.com/your-org/my-app",
            "CODEBUILD_RESOLVED_SOURCE_VERSION": COMMIT,
            "CODEBUILD_BUILD_NUMBER": "7",
            **self.variables,
        }
        self.scenario = {
            "answers": {},
            "scan": CLEAN,
            "parameters": {},
            "definition": DEFINITION,
            "image": {"config": {"Labels": {"org.opencontainers.image.revision": COMMIT}}},
            "tags": [],
            "digest": DIGEST,
            "kind": "application/vnd.oci.image.manifest.v1+json",
            "sbom": ["etc/passwd", "PREFIX-sbom.spdx.json"],
            "results": {},
            "links": {},
            **self.scenario,
        }

    def install(self, name: str, content: str) -> None:
        """Put a program on the machine."""
        file = self.programs / name
        file.write_text(content)
        file.chmod(0o755)

    def with_code_deploy(self) -> None:
        """Deploy by CodeDeploy."""
        self.buildspec += SECONDARY
        self.variables["DEPLOY_FILES_PARAMETER"] = "deploy-files"
        settings = {"taskDefinition": REVISION, "container": "app", "appSpec": {"Resources": []}}
        settings["appSpec"] = {"Resources": [{"TargetService": {"Type": "AWS::ECS::Service"}}]}
        self.scenario["parameters"]["deploy-files"] = json.dumps(settings)

    def with_commands(self, phase: str, *commands: str) -> None:
        """Add commands of one's own to a phase."""
        mark = f"      # commands: {phase}\n"
        assert mark in self.buildspec
        lines = "".join(f"      - {json.dumps(command)}\n" for command in commands)
        self.buildspec = self.buildspec.replace(mark, lines)

    def build(
        self,
        files: Mapping[str, str] = SCRATCH,
        prepare: Callable[[Path], None] = lambda _source: None,
    ) -> Finished:
        """Build some files; `prepare` does to the source what files cannot."""
        for name, content in files.items():
            file = self.source / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            # As a Git clone keeps it.
            file.chmod(0o755)
        prepare(self.source)
        (self.programs / "calls").unlink(missing_ok=True)
        (self.programs / "scenario.json").write_text(json.dumps(self.scenario))
        log: list[str] = []
        secrets = {
            PASSWORD,
            *(v for k, v in self.variables.items() if "TOKEN" in k or "SECRET" in k),
        }
        result = run(
            Build(
                buildspec=self.buildspec,
                source=self.source,
                environment=self.variables,
                machine={
                    "PATH": ":".join(
                        [*self.path, str(self.programs), "/usr/local/bin", "/usr/bin", "/bin"]
                    ),
                    "HOME": str(self.folder / "home"),
                    "TMPDIR": str(self.folder / "tmp"),
                    **self.machine,
                },
                secrets=frozenset(secrets),
                timeout=60,
                parameter=lambda name: name,
                secret=lambda name: name,
            ),
            log=log.append,
            stop=threading.Event(),
        )
        failed = [(phase.name, phase.message) for phase in result.phases if phase.message]
        calls = self.programs / "calls"
        return Finished(
            result=result,
            failure=failed[0] if failed else None,
            said=tuple(line for line in log if line and not line.startswith("[Container]")),
            log=tuple(log),
            artifact=_files(result.artifacts or result.secondary_artifacts.get("Build")),
            deploy=_files(result.secondary_artifacts.get("Deploy")),
            calls=[Call(**json.loads(line)) for line in calls.read_text().splitlines() if line]
            if calls.exists()
            else [],
        )


def last_words(build: Finished, phase: str) -> str:
    """The last line that commands put out before a phase failed."""
    end = next(
        number for number, line in enumerate(build.log) if f"Phase complete: {phase} " in line
    )
    failed = [n for n, line in enumerate(build.log[:end]) if "Command did not exit" in line]
    return [line for line in build.log[: failed[0]] if line][-1]


def _files(folder: Path | None) -> dict[str, bytes] | None:
    if folder is None:
        return None
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def tree(folder: Path) -> dict[str, str]:
    """Everything below a folder, with what it is or holds."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else "folder"
        if path.is_dir()
        else path.read_text(errors="replace")
        for path in sorted(folder.rglob("*"))
    }
