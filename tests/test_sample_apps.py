"""Apps as people write them, with the newest AWS CDK and with the oldest that is supported."""

import json
import os
import re
import runpy
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

ROOT = Path(__file__).parents[1]
APPS = sorted((ROOT / "samples" / "apps").glob("*.py"))
OLDEST = ROOT / ".cache" / "oldest-cdk" / "bin" / "python"
"""Made by ``make``; see CDK_OLDEST there."""

_RESOURCES = """
import importlib.metadata, json, runpy, sys
import aws_cdk as cdk
from aws_cdk.assertions import Template
found = {}
for path in sys.argv[1:]:
    app = runpy.run_path(path)["app"]
    for stack in filter(cdk.Stack.is_stack, app.node.children):
        rendered = Template.from_stack(stack).to_json()["Resources"]
        found[f"{path} {stack.node.path}"] = {name: each["Type"] for name, each in rendered.items()}
print(json.dumps([importlib.metadata.version("aws-cdk-lib"), found]))
"""


def floor() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (found,) = [
        match[1]
        for each in project["dependencies"]
        if (match := re.match(r"aws-cdk-lib>=([\d.]+),<3$", each))
    ]
    return str(found)


@pytest.fixture(scope="module")
def newest() -> dict[str, dict[str, Any]]:
    """The templates of all apps, by the app's path and the stack's."""
    found = {}
    for path in APPS:
        app = runpy.run_path(str(path))["app"]
        for stack in filter(cdk.Stack.is_stack, app.node.children):
            found[f"{path} {stack.node.path}"] = Template.from_stack(stack).to_json()
    return found


def test_the_docs_name_each_app() -> None:
    guide = (ROOT / "docs" / "constructs.md").read_text()
    assert len(APPS) >= 3
    for path in APPS:
        assert f"samples/apps/{path.name}" in guide


def test_a_stage_of_ones_own_comes_after_the_deployment(
    newest: dict[str, dict[str, Any]],
) -> None:
    template = newest[f"{ROOT / 'samples/apps/rolling.py'} Shop"]
    resources = template["Resources"]
    (pipeline,) = [
        each["Properties"]
        for each in resources.values()
        if each["Type"] == "AWS::CodePipeline::Pipeline"
    ]
    assert [stage["Name"] for stage in pipeline["Stages"]] == ["Source", "Build", "Deploy", "Test"]
    (smoke,) = pipeline["Stages"][-1]["Actions"]
    assert smoke["InputArtifacts"] == [{"Name": "Source"}]
    role = smoke["RoleArn"]["Fn::GetAtt"][0]
    assert role.startswith("ReleaseSmokeRole")
    statements = {
        name: each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in resources.items()
        if each["Type"] == "AWS::IAM::Policy"
    }
    (own,) = [found for name, found in statements.items() if name.startswith("ReleaseRoleDefault")]
    assumed = [each["Resource"] for each in own if each["Action"] == "sts:AssumeRole"]
    assert {"Fn::GetAtt": [role, "Arn"]} in assumed
    (of_smoke,) = [
        found for name, found in statements.items() if name.startswith("ReleaseSmokeRole")
    ]
    assert any("codebuild:StartBuild" in each["Action"] for each in of_smoke)


def test_the_oldest_version_makes_the_same_resources(newest: dict[str, dict[str, Any]]) -> None:
    if not (OLDEST.parents[1] / ".installed").exists():
        reason = "the oldest AWS CDK is not installed; run `make test-unit`"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    ran = subprocess.run(
        [str(OLDEST), "-c", _RESOURCES, *map(str, APPS)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "constructs")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    version, oldest = json.loads(ran.stdout.splitlines()[-1])
    assert version == floor()
    assert oldest == {
        stack: {name: each["Type"] for name, each in template["Resources"].items()}
        for stack, template in newest.items()
    }
