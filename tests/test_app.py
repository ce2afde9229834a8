"""The app as people run it: `cdk synth`, with the CDK's own validation of templates on."""

import filecmp
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CDK = ROOT / "node_modules" / ".bin" / "cdk"


def synth(
    folder: Path, *options: str, python_path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `cdk synth` with no account, no container engine and no way to any network."""
    node = subprocess.run(["which", "node"], capture_output=True, text=True, check=True)
    nowhere = "http://127.0.0.1:9"
    return subprocess.run(
        [str(CDK), "synth", "--quiet", "--no-color", "--output", str(folder), *options],
        cwd=ROOT,
        env={
            "PATH": os.pathsep.join(
                [
                    str(Path(sys.executable).parent),
                    str(Path(node.stdout).parent),
                    "/usr/bin",
                    "/bin",
                ]
            ),
            "HOME": str(folder.parent),
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "true",
            **({"PYTHONPATH": str(python_path)} if python_path else {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: Path) -> list[str]:
    """The files of an assembly, but for the times that a slow synthesis writes down."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return sorted(found - {"performance-counters.json"})


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout") / "cdk.out"
    finished = synth(folder)
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library as its wheel has it, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (archive,) = folder.glob("*.whl")
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder / "site")
    return folder / "site"


def test_a_fresh_checkout_synthesizes_as_it_is(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text())
    stacks = [a for a in manifest["artifacts"].values() if a["type"] == "aws:cloudformation:stack"]
    assert len(stacks) == 9


EXISTING_PLATFORM = {
    "vpc_id": "vpc-0123456789abcdef0",
    "availability_zones": ["eu-west-1a", "eu-west-1b"],
    "private_subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "cluster_name": "my-cluster",
    "listener_arn": "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/a/0a1b/2c3d",
    "load_balancer_security_group_id": "sg-0123456789abcdef0",
}
EXISTING_SERVICE = {
    "name": "legacy",
    "source": {"type": "codecommit", "repository": "legacy"},
    "build": {"docker_hub": {}},
    "existing_service": {
        "cluster_name": "my-cluster",
        "service_name": "legacy",
        "container_name": "app",
        "task_role_arns": ["arn:aws:iam::111122223333:role/ecsTaskRole"],
    },
}


@pytest.mark.parametrize(
    "platform",
    [
        pytest.param(
            {"certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d"},
            id="certificate",
            # Nothing is shared with the tests around: another worker may run it.
            marks=pytest.mark.xdist_group("app with a certificate"),
        ),
        pytest.param(
            {"existing": EXISTING_PLATFORM},
            id="existing platform",
            marks=pytest.mark.xdist_group("app on an existing platform"),
        ),
    ],
)
def test_a_place_that_is_named_needs_no_account_either(
    platform: dict[str, Any], tmp_path: Path
) -> None:
    delivery = json.loads((ROOT / "cdk.json").read_text())["context"]["delivery"]
    delivery["environment"] = {"account": "111122223333", "region": "eu-west-1"}
    delivery["platform"] = platform
    delivery["services"].append(EXISTING_SERVICE)
    folder = tmp_path / "cdk.out"
    finished = synth(folder, "--context", f"delivery={json.dumps(delivery)}")
    assert finished.returncode == 0, finished.stderr
    assert "missing" not in json.loads((folder / "manifest.json").read_text())


def test_a_wheel_gives_the_same_bytes_as_the_checkout(
    assembly: Path, wheel: Path, tmp_path: Path
) -> None:
    again = tmp_path / "cdk.out"
    finished = synth(again, python_path=wheel)
    assert finished.returncode == 0, finished.stderr
    assert files(again) == files(assembly)
    _, different, unreadable = filecmp.cmpfiles(assembly, again, files(assembly), shallow=False)
    assert (different, unreadable) == ([], [])


def test_the_wheel_carries_types_and_buildspecs_and_nothing_else(wheel: Path) -> None:
    package = wheel / "container_pipelines"
    assert (package / "py.typed").is_file()
    packaged = (package / "buildspecs" / "build.yml").read_bytes()
    assert packaged == (ROOT / "buildspecs" / "build.yml").read_bytes()
    assert {path.name for path in wheel.iterdir() if not path.name.endswith(".dist-info")} == {
        "container_pipelines"
    }


def test_a_bad_setting_is_reported_by_its_path() -> None:
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    context["delivery"]["services"][0]["health_check"]["path"] = "health"
    finished = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert (
        "context.delivery.services.0.health_check.path: must start with '/', for example '/health'"
        in finished.stderr
    )
