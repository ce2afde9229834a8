from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_codebuild as codebuild

from container_build import source
from container_pipelines import BuildReport, PhaseCommands, ReportFormat
from container_pipelines.build.build_report import TEST_RESULTS, report_folders
from container_pipelines.build.buildspec import BuildSpecFile

FILE = Path(__file__).parents[3] / "buildspecs" / "build.yml"
SHIPPED = yaml.safe_load(FILE.read_text())


def rendered(**options: Any) -> Any:
    return yaml.safe_load(BuildSpecFile("build.yml", **options).to_build_spec())


def test_without_options_it_is_the_file_word_for_word() -> None:
    assert BuildSpecFile("build.yml").to_build_spec() == FILE.read_text()
    assert BuildSpecFile("build.yml", commands=PhaseCommands()).to_build_spec() == FILE.read_text()


def test_commands_of_ones_own_come_where_their_phase_says() -> None:
    odd = "echo \"a: b\" # \\ 'c' ä\nsecond line"
    found = rendered(
        commands=PhaseCommands(
            install=[odd], pre_build=["pre 1", "pre 2"], build=["first"], post_build=["last"]
        )
    )
    own = {name: phase["commands"] for name, phase in SHIPPED["phases"].items()}
    assert {name: phase["commands"] for name, phase in found["phases"].items()} == {
        "install": [*own["install"], odd],
        "pre_build": [*own["pre_build"], "pre 1", "pre 2"],
        "build": ["first", *own["build"]],
        "post_build": [*own["post_build"], "last"],
    }


def test_nothing_else_changes_with_commands() -> None:
    found = rendered(commands=PhaseCommands(build=["x"]))
    assert {**found, "phases": None} == {**SHIPPED, "phases": None}


def test_reports() -> None:
    stack = cdk.Stack()
    group = codebuild.ReportGroup.from_report_group_name(stack, "Group", "tests")
    coverage = codebuild.ReportGroup.from_report_group_name(stack, "Coverage", "coverage")
    text = BuildSpecFile(
        "build.yml",
        reports=[
            BuildReport(group=group),
            BuildReport(
                group=coverage,
                format=ReportFormat.COBERTURA_XML,
                files=["c.xml"],
                base_directory="out/x",
            ),
        ],
    ).to_build_spec()
    arns = {group.report_group_arn: "first", coverage.report_group_arn: "second"}
    for arn, name in arns.items():
        text = text.replace(arn, name)
    assert yaml.safe_load(text)["reports"] == {
        "first": {
            "file-format": "JUNITXML",
            "base-directory": ".container-test-results",
            "files": ["**/*"],
        },
        "second": {
            "file-format": "COBERTURAXML",
            "base-directory": ".container-reports/1",
            "files": ["c.xml"],
        },
    }


def test_the_folders_are_those_that_the_program_hands_over() -> None:
    assert TEST_RESULTS == source.TEST_RESULTS
    group = codebuild.ReportGroup.from_report_group_name(cdk.Stack(), "Group", "tests")
    reports = [
        BuildReport(group=group, base_directory=folder) for folder in ("b", "a", TEST_RESULTS, "b")
    ]
    assert report_folders(reports) == {"b": f"{source.REPORTS}/1", "a": f"{source.REPORTS}/2"}
    assert SHIPPED["artifacts"]["base-directory"] == source.ARTIFACT


@pytest.mark.parametrize("commands", [[""], ["ok", " "]])
def test_commands_must_be_a_list(commands: Any) -> None:
    with pytest.raises(ValueError, match=r"'commands\.build' must be a list of commands"):
        PhaseCommands(build=commands)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "XML"}, "'build_report.format' must be one of ReportFormat.CUCUMBER_JSON"),
        ({"files": []}, "'build_report.files' must have a pattern"),
        ({"files": ["a\nb"]}, "'build_report.files' must be 1 to 1024 characters: one line"),
        ({"base_directory": ""}, "'build_report.base_directory' must be"),
        ({"base_directory": "/out"}, "'build_report.base_directory' must be"),
        ({"base_directory": "a/../.."}, "'build_report.base_directory' must be"),
    ],
)
def test_a_bad_report_is_rejected(options: dict[str, Any], message: str) -> None:
    group = codebuild.ReportGroup.from_report_group_name(cdk.Stack(), "Group", "tests")
    with pytest.raises(ValueError, match=message):
        BuildReport(group=group, **options)
