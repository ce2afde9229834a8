"""Sources that want to speak for the build, and sources whose files have unlucky names."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from container_pipelines._assets import build_program
from tests.buildspecs.stand_ins import (
    COMMIT,
    DIGEST,
    IMAGE,
    PASSWORD,
    SCRATCH,
    Finished,
    Machine,
    last_words,
    tree,
)

SECRET = "npm-secret-0123456789"
HUB_TOKEN = "docker-hub-token-0123456789"
OURS = (
    ".container-artifact",
    ".container-deploy-files",
    ".container-test-results",
    ".container-reports",
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with everything on: test, bill of materials, secrets, CodeDeploy, Docker Hub."""
    machine = Machine(tmp_path)
    machine.with_code_deploy()
    machine.variables |= {
        "BUILD_OPTIONS": json.dumps(
            {"dockerfile": "Dockerfile", "context": ".", "secrets": {"npm": "BUILD_SECRET_1"}}
        ),
        "BUILD_SECRET_1": SECRET,
        "DOCKERHUB_USER": "reader",
        "DOCKERHUB_TOKEN": HUB_TOKEN,
        "TEST_COMMAND": json.dumps(["npm", "test"]),
        "SBOM_GENERATOR": "syft",
    }
    machine.scenario["results"] = {"junit.xml": "<testsuites/>"}
    return machine


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A source, and what a careless project does that could help it.

    ``PROOF`` in a file stands for the file that tells of a success, ``SOURCE`` for the root.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Path], None] = lambda _source: None
    variables: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    install: str = ""


IN_PYTHON = "import os, pathlib\npathlib.Path('PROOF').write_text(repr(dict(os.environ)))\n"
IN_SHELL = "#!/bin/sh\nenv >'PROOF'\nexit 0\n"
EVIL = "sha256:" + "e" * 64
PLANTED = {
    "imagedefinitions.json": json.dumps([{"name": "app", "imageUri": f"evil@{EVIL}"}]),
    "scan-findings.json": json.dumps({"verdict": "passed", "digest": EVIL}),
    "imageDetail.json": json.dumps({"ImageURI": f"evil@{EVIL}"}),
    "taskdef.json": "{}",
    "appspec.yaml": "evil",
    "sbom/sbom.spdx.json": EVIL,
    "sbom/application.txt": "the application's own",
    "test-results/junit.xml": EVIL,
    "state.json": json.dumps({"digest": EVIL}),
    "exports": f"export IMAGE_DIGEST={EVIL}\n",
    "program": IN_PYTHON,
    "metadata.json": json.dumps({"containerimage.digest": EVIL}),
}
BARE_REPOSITORY = {
    "HEAD": "ref: refs/heads/main\n",
    "objects/keep": "",
    "refs/keep": "",
    "config": '[core]\nbare = false\nworktree = .\nfsmonitor = "env >PROOF; false"\n',
}
PROGRAMS = {
    f"bin/{name}": IN_SHELL
    for name in ("aws", "docker", "git", "mktemp", "python3", "sha256sum", "tar", "docker-buildx")
}

HOSTILE = {
    "json.py": Hostile(files={"json.py": IN_PYTHON}),
    "modules of Python": Hostile(
        files={f"{name}.py": IN_PYTHON for name in ("os", "re", "types", "subprocess", "tarfile")}
    ),
    "modules of the program": Hostile(
        files={"container_build/__init__.py": IN_PYTHON, "container_build/program.py": IN_PYTHON}
    ),
    "sitecustomize": Hostile(
        files={"sitecustomize.py": IN_PYTHON, "usercustomize.py": IN_PYTHON},
        variables={"PYTHONPATH": ".:SOURCE", "PYTHONUSERBASE": ".", "PYTHONSTARTUP": "json.py"},
    ),
    ".python-version": Hostile(
        files={".python-version": "SOURCE/evil\n", "evil/bin/python3": IN_SHELL}
    ),
    "pyenv's variable": Hostile(
        files={"evil/bin/python3": IN_SHELL}, variables={"PYENV_VERSION": "SOURCE/evil"}
    ),
    "programs, with a relative PATH": Hostile(files=PROGRAMS, path=("bin", ".", "")),
    "programs, in the PATH by a command": Hostile(
        files=PROGRAMS, install='export PATH="$PWD/bin:$PATH"'
    ),
    "Python's path by a command": Hostile(
        files={"json.py": IN_PYTHON, "sitecustomize.py": IN_PYTHON},
        install='export PYTHONPATH="$PWD" PYTHONHOME="$PWD"',
    ),
    "Docker's settings": Hostile(
        files={
            ".docker/config.json": json.dumps(
                {"credsStore": "evil", "credHelpers": {"docker.io": "evil"}}
            ),
            "bin/docker-credential-evil": IN_SHELL,
        },
        install='export DOCKER_CONFIG="$PWD/.docker" BUILDX_CONFIG=.docker PATH="$PWD/bin:$PATH"',
    ),
    "Docker's own files": Hostile(
        files={
            "docker-bake.hcl": 'target "default" { output = ["type=local,dest=/"] }\n',
            "docker-bake.json": "{}",
            "compose.yaml": "services: {}\n",
            ".env": f"BUILDX_BUILDER=evil\nIMAGE_DIGEST={EVIL}\n",
            ".dockerignore": "*\n",
        },
        variables={"BUILDX_BAKE_FILE": "docker-bake.hcl", "COMPOSE_FILE": "compose.yaml"},
    ),
    "AWS's settings": Hostile(
        files={
            ".aws/config": "[default]\ncredential_process = SOURCE/bin/evil\n",
            ".aws/credentials": "[default]\naws_access_key_id = evil\n",
            ".aws/cli/alias": "[toplevel]\necr = !SOURCE/bin/evil\n",
            "bin/evil": IN_SHELL,
        },
        variables={"AWS_CONFIG_FILE": "SOURCE/.aws/config", "AWS_DATA_PATH": ".aws"},
        install='export HOME="$PWD" AWS_SHARED_CREDENTIALS_FILE="$PWD/.aws/credentials"',
    ),
    "Git's settings": Hostile(
        files={
            ".gitconfig": '[core]\nfsmonitor = "env >PROOF; false"\n',
            **BARE_REPOSITORY,
        },
        variables={"GIT_CONFIG_GLOBAL": "SOURCE/.gitconfig", "GIT_DIR": "SOURCE"},
    ),
    "files to deploy from": Hostile(files=PLANTED),
    "links where files are made": Hostile(
        prepare=lambda source: [  # type: ignore[arg-type, return-value]
            (source / name).symlink_to("/etc/passwd")
            for name in ("imagedefinitions.json", "scan-findings.json", "exports")
        ]
    ),
    "names that are options": Hostile(
        files={"--push": "", "-f": "", "--file=evil": "", "$(touch proof)": "", "; touch proof": ""}
    ),
}


def planted(text: str, machine: Machine, proof: Path) -> str:
    return text.replace("PROOF", str(proof)).replace("SOURCE", str(machine.source))


def check_undisturbed(build: Finished, machine: Machine) -> None:
    """The build is the one that it would have been with a source that does nothing."""
    assert build.status == "SUCCEEDED", build.said
    assert build.deploys == [{"name": "app", "imageUri": IMAGE}]
    assert build.result.exported["IMAGE_DIGEST"] == DIGEST
    assert sorted(build.artifact or {}) == [
        "imagedefinitions.json",
        "sbom/sbom.spdx.json",
        "scan-findings.json",
    ]
    assert b"evil" not in b"".join((build.artifact or {}).values())
    assert EVIL.encode() not in b"".join((build.artifact or {}).values())
    assert build.deploy is not None
    assert json.loads(build.deploy["imageDetail.json"]) == {"ImageURI": IMAGE}
    assert len(build.calls) == 14, build.kinds
    for call in build.calls:
        check_call(call.kind, call.folder, call.variables, machine)


def check_call(kind: str, folder: str, variables: Mapping[str, str], machine: Machine) -> None:
    source = str(machine.source)
    assert not folder.startswith(source), kind
    if kind == "aws s3 cp":
        # Of the shell, before the program is there: its variables are the project's.
        return
    secrets = {SECRET} if kind.startswith("docker buildx build") else set()
    assert {SECRET, HUB_TOKEN, PASSWORD} & set(variables.values()) == secrets, kind
    entries = variables["PATH"].split(":")
    assert {entry.startswith("/") for entry in entries} == {True}, kind
    named = {
        name for name, value in variables.items() if source in value and name != "CODEBUILD_SRC_DIR"
    }
    assert named == set(), kind
    started = ("PYTHON", "LD_", "BASH_", "COMPOSE_", "BUILDX_BAKE")
    assert not [name for name in variables if name.startswith(started)], kind
    assert variables["GIT_CONFIG_GLOBAL"] == "/dev/null", kind


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_source_reaches_nothing_and_breaks_nothing(
    machine: Machine, tmp_path: Path, name: str
) -> None:
    hostile, proof = HOSTILE[name], tmp_path / "proof"
    machine.path = hostile.path
    machine.machine = {
        key: planted(value, machine, proof) for key, value in hostile.variables.items()
    }
    if hostile.install:
        machine.with_commands("install", hostile.install)
    files = {
        path: planted(text, machine, proof) for path, text in {**SCRATCH, **hostile.files}.items()
    }
    before: dict[str, str] = {}

    def prepare(source: Path) -> None:
        hostile.prepare(source)
        before.update(tree(source))

    build = machine.build(files, prepare)
    assert not proof.exists(), proof.read_text()
    assert not (machine.source / "proof").exists()
    check_undisturbed(build, machine)
    # Nothing of the source has been changed or removed.
    after = {
        path: text
        for path, text in tree(machine.source).items()
        if path.partition("/")[0] not in OURS
    }
    assert after == before


def imported_modules() -> list[str]:
    """All modules that the program brings in, asked of the program itself."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from container_build import build, finish, prepare, program\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(build_program().path)],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return done.stdout.split()


@pytest.mark.parametrize("kind", ["files", "packages", "folders without modules"])
def test_a_harmless_source_with_unlucky_names_builds(machine: Machine, kind: str) -> None:
    names = {*imported_modules(), *sys.stdlib_module_names, "sitecustomize", "usercustomize"}
    assert {"json", "types", "subprocess", "tarfile", "container_build"} <= names
    forms = {
        "files": ("{}.py", "raise SystemExit('the application has been imported')\n"),
        "packages": ("{}/__init__.py", "raise SystemExit('the application has been imported')\n"),
        "folders without modules": ("{}/data.txt", ""),
    }
    path, content = forms[kind]
    build = machine.build({**SCRATCH, **{path.format(name): content for name in names}})
    check_undisturbed(build, machine)


def link(name: str, target: str) -> Callable[[Path], None]:
    def make(source: Path) -> None:
        (source / name).unlink(missing_ok=True)
        (source / name).symlink_to(target)

    return make


@pytest.mark.parametrize(
    ("prepare", "options", "told"),
    [
        (link("Dockerfile", "/etc/passwd"), {}, "'build.dockerfile' must stay in the source"),
        (link("Dockerfile", "../../home"), {}, "'build.dockerfile' must stay in the source"),
        (link("dockerfile", "/etc/passwd"), {}, "'build.dockerfile' must stay in the source"),
        (link("web", "/"), {"context": "web"}, "'build.context' must stay in the source"),
        (link("web", "/"), {"dockerfile": "web/etc/x"}, "'build.dockerfile' must stay in the"),
        *(
            (link(name, "/nowhere"), {}, f"The source must not contain {name}, by which")
            for name in OURS
        ),
        (lambda source: (source / OURS[0]).mkdir(), {}, "must not contain .container-artifact"),
    ],
)
def test_what_leads_out_of_the_source_or_takes_a_name_of_ours_is_refused(
    machine: Machine, prepare: Callable[[Path], None], options: dict[str, str], told: str
) -> None:
    machine.variables["BUILD_OPTIONS"] = json.dumps(
        {"dockerfile": "Dockerfile", "context": ".", **options}
    )
    build = machine.build(SCRATCH, prepare)
    assert build.status == "FAILED"
    assert build.failure is not None
    assert build.failure[0] == "PRE_BUILD"
    assert told in last_words(build, "PRE_BUILD")
    assert build.kinds == ["aws s3 cp"]
    assert (build.artifact, build.deploy) == (None, None)


def test_links_within_the_source_are_followed(machine: Machine) -> None:
    machine.variables["BUILD_OPTIONS"] = json.dumps({"dockerfile": "Dockerfile", "context": "web"})
    build = machine.build(
        {"real/app.txt": "one", "docker/Real": "FROM scratch\n"},
        lambda source: [link("web", "real")(source), link("Dockerfile", "docker/Real")(source)],  # type: ignore[arg-type, return-value]
    )
    assert build.status == "SUCCEEDED"
    arguments = build.call("docker buildx build --push").arguments
    assert arguments[-1] == str(machine.source / "real")
    assert str(machine.source / "Dockerfile") in arguments


def test_a_name_of_ours_that_is_taken_during_the_build_hands_nothing_over(
    machine: Machine,
) -> None:
    planting = "mkdir .container-artifact && echo evil >.container-artifact/imagedefinitions.json"
    machine.with_commands("post_build", planting)
    build = machine.build()
    assert build.status == "FAILED"
    assert build.failure is not None
    assert build.failure[0] == "POST_BUILD"
    assert build.deploy is None


def test_a_program_that_is_not_the_one_that_was_synthesized_does_not_run(
    machine: Machine, tmp_path: Path
) -> None:
    proof = tmp_path / "proof"
    (machine.programs / "program").write_text(IN_PYTHON.replace("PROOF", str(proof)))
    build = machine.build()
    assert build.status == "FAILED"
    assert "FAILED" in "\n".join(build.said)
    assert "sha256sum" in last_words(build, "PRE_BUILD")
    assert not proof.exists()
    assert build.kinds == ["aws s3 cp"]


def test_an_image_cannot_put_a_bill_of_materials_beside_that_of_the_generator(
    machine: Machine,
) -> None:
    machine.scenario["sbom"] = [
        "sbom.spdx.json",
        "linux_amd64/sbom.spdx.json",
        "linux_amd64/PREFIX-sbom.spdx.json",
        "../../PREFIX-sbom.spdx.json",
    ]
    build = machine.build()
    assert build.artifact is not None
    assert [name for name in build.artifact if name.startswith("sbom")] == [
        "sbom/linux_amd64/sbom.spdx.json"
    ]


def test_links_that_a_test_leaves_lead_nowhere(machine: Machine) -> None:
    machine.scenario["links"] = {"evil.xml": "/etc/passwd", "folder": "/etc"}
    assert machine.build().status == "SUCCEEDED"
    assert tree(machine.source / ".container-test-results") == {"junit.xml": "<testsuites/>"}


def test_a_report_has_plain_files_of_the_source_alone(machine: Machine, tmp_path: Path) -> None:
    outside = tmp_path / "docker" / "config.json"
    outside.parent.mkdir()
    outside.write_text(f'{{"auths": "{HUB_TOKEN}"}}')
    folders = {".": "1", "out": "2", "out/web": "3", "linked": "4", "evil": "5", "none": "6"}
    machine.variables["REPORT_FOLDERS"] = json.dumps(
        {folder: f".container-reports/{number}" for folder, number in folders.items()}
    )

    def prepare(source: Path) -> None:
        for name, target in (
            ("out/config.json", outside),
            ("out/folder", outside.parent),
            ("out/relative", "../../docker/config.json"),
            ("linked", "out"),
            ("evil", outside.parent),
            ("own", tmp_path),
        ):
            (source / name).symlink_to(target)

    build = machine.build({**SCRATCH, "out/a.xml": "a", "out/web/b.xml": "b"}, prepare)
    assert build.status == "SUCCEEDED"
    found = tree(machine.source / ".container-reports")
    assert HUB_TOKEN not in "\n".join(found.values())
    assert {name: content for name, content in found.items() if content != "folder"} == {
        **{f"1/{name}": content for name, content in SCRATCH.items()},
        "1/out/a.xml": "a",
        "1/out/web/b.xml": "b",
        "2/a.xml": "a",
        "2/web/b.xml": "b",
        "3/b.xml": "b",
        "4/a.xml": "a",
        "4/web/b.xml": "b",
    }
    assert "No report: 'base_directory' must stay in the source, got 'evil'" in "\n".join(
        build.said
    )
    assert IMAGE in str(build.deploys)


def test_a_test_gets_no_variable_no_socket_and_no_folder_but_one(machine: Machine) -> None:
    run = machine.build().call("docker run").arguments
    volume = run[run.index("--volume") + 1]
    assert volume.endswith("/test-results:/test-results")
    assert run == [
        *("run", "--rm", "--pull", "never", "--volume", volume, "--entrypoint", "npm"),
        *("image-under-test", "test"),
    ]


@pytest.mark.parametrize(
    "label", ["$(touch PROOF)", "'; touch PROOF; '", "main", "a" * 65, 5, None, COMMIT.upper()]
)
def test_a_label_of_an_image_is_a_commit_or_nothing(
    machine: Machine, tmp_path: Path, label: Any
) -> None:
    proof = tmp_path / "proof"
    text = label.replace("PROOF", str(proof)) if isinstance(label, str) else label
    labels = {"org.opencontainers.image.revision": text}
    machine.scenario["image"] = {"config": {"Labels": labels}}
    machine.variables["RELEASE_IMAGE"] = DIGEST
    build = machine.build()
    assert build.status == "SUCCEEDED", build.said
    assert build.result.exported["COMMIT_ID"] == ""
    assert not proof.exists()
