"""The app as people run it: `cdk synth`, with the CDK's own validation of templates on."""

import filecmp
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CDK = ROOT / "node_modules" / ".bin" / "cdk"
# Where jsii unpacks aws-cdk-lib, which takes ten seconds: not anew for each home below.
UNPACKED = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"


def cdk(
    home: Path, *arguments: str, python_path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the CLI with no account, no container engine and no way to any network."""
    node = subprocess.run(["which", "node"], capture_output=True, text=True, check=True)
    nowhere = "http://127.0.0.1:9"
    return subprocess.run(
        [str(CDK), "--no-color", *arguments],
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
            "HOME": str(home),
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(UNPACKED),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "true",
            **({"PYTHONPATH": str(python_path)} if python_path else {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def synth(folder: Path, *options: str, python_path: Path | None = None) -> None:
    arguments = ("synth", "--quiet", "--output", str(folder), *options)
    finished = cdk(folder.parent, *arguments, python_path=python_path)
    assert finished.returncode == 0, finished.stderr


def findings(folder: Path) -> list[str]:
    """What the CDK's validation, cdk-nag and the app's own warnings have found."""
    report = json.loads((folder / "validation-report.json").read_text())
    return [
        violation["ruleName"]
        for each in report["pluginReports"]
        for violation in each["violations"]
    ]


def files(folder: Path) -> list[str]:
    """The files of an assembly, but for the report, and the times that a slow synthesis notes."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return sorted(found - {"performance-counters.json", "validation-report.json"})


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout") / "cdk.out"
    synth(folder)
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
    assert findings(assembly) == ["Annotation::delivery:PlainHttp"]


SERVICES = {
    "everything": ("shop", "search", "checkout"),
    "existing": ("accounts", "payments", "legacy"),
}


@pytest.mark.parametrize(
    "sample",
    # Nothing is shared with the tests around: another worker may run it.
    [pytest.param(name, marks=pytest.mark.xdist_group(f"app with {name}")) for name in SERVICES],
)
def test_every_setting_is_without_findings_and_needs_no_account(
    sample: str, tmp_path: Path
) -> None:
    """The samples have every setting, on a platform of the app's and on one that is there.

    What a named account and region look up is in them, or in nobody's way.
    """
    delivery = json.loads((ROOT / "samples" / "settings" / f"{sample}.json").read_text())
    delivery["environment"] = {"account": "111122223333", "region": "eu-west-1"}
    folder = tmp_path / "cdk.out"
    synth(folder, "--context", f"delivery={json.dumps(delivery)}")
    assert "missing" not in json.loads((folder / "manifest.json").read_text())
    assert findings(folder) == []
    listed = cdk(tmp_path, "ls", "--app", str(folder))
    assert listed.returncode == 0, listed.stderr
    stacks = ["shared", *(["platform"] if sample == "everything" else []), "monitoring"]
    for service in SERVICES[sample]:
        kinds = (
            ("registry", "service", "pipeline") if service != "legacy" else ("registry", "pipeline")
        )
        stacks += [f"{service}-{kind}" for kind in kinds]
    assert sorted(listed.stdout.split()) == sorted(f"acme-{stack}" for stack in stacks)


def test_a_wheel_gives_the_same_bytes_as_the_checkout(
    assembly: Path, wheel: Path, tmp_path: Path
) -> None:
    again = tmp_path / "cdk.out"
    synth(again, "--no-validation", python_path=wheel)
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


FIVE_MISTAKES = {
    "name": "acme",
    "services": [
        {
            "name": "Shop",
            "source": {"type": "github", "repository": "acme/shop"},
            "container": {"cpu": 256, "memory": 4096},
            "path_pattern": "/shop/*",
        },
        {
            "name": "search",
            "source": {"type": "svn", "repository": "acme/search"},
            "health_chek": {"path": "/up"},
            "path_pattern": "/search/*",
            "priority": 20,
        },
        {
            "name": "pay",
            "source": {"type": "github", "repository": "acme/pay"},
            "release": {"deployment_window": {"cron": "* * * ? * *", "time_zone": "Mars/Base"}},
            "path_pattern": "/pay/*",
            "priority": 30,
        },
    ],
}


def test_mistakes_are_told_at_once_in_words_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "staging.json"
    file.write_text(json.dumps(FIVE_MISTAKES))
    finished = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=ROOT,
        env={
            **os.environ,
            "CDK_CONTEXT_JSON": json.dumps({"delivery": str(file)}),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.splitlines() == [
        f"{file}: 5 mistakes; docs/settings.md has every setting",
        (
            "  services[0].name: must be a name of lower-case letters, digits and single '-' "
            "between them, such as 'my-app', got 'Shop'"
        ),
        (
            "  services[0].container.memory: must be from 512 to 2048 in Fargate's steps with "
            "cpu 256, got 4096: the nearest is 2048"
        ),
        "  services[1].health_chek: is not a setting; did you mean 'health_check'?",
        "  services[1].source.type: must be one of 'github', 'codecommit', got 'svn'",
        (
            "  services[2].release.deployment_window.time_zone: must be a time zone that there "
            "is, got 'Mars/Base': write it like 'Europe/Berlin'"
        ),
    ]
