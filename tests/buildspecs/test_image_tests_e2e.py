"""Tests of the image before it is pushed, and what becomes of their results."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codebuild as codebuild

from container_pipelines import BuildReport, DockerBuild, PhaseCommands, ReportFormat
from tests.buildspecs.builds import COMMIT, SCRATCH, TAG, Finished, Project

pytestmark = pytest.mark.e2e

DOCKERFILE = 'FROM node:20-alpine\nUSER node\nENTRYPOINT ["false"]\n'
RESULTS = """\
<testsuites>
  <testsuite name="greeting">
    <testcase classname="Greeting" name="says hello" time="0.25"/>
    <testcase classname="Greeting" name="says goodbye" time="1.5">{outcome}</testcase>
    <testcase classname="Greeting" name="sings"><skipped/></testcase>
  </testsuite>
</testsuites>
"""
FAILED = '<failure message="it was silent">at line 7</failure>'


def with_test(*command: str, **options: Any) -> DockerBuild:
    return DockerBuild(test_command=command, **options)


def leaving(outcome: str, status: int) -> tuple[str, ...]:
    script = 'printf "%s" "$1" >/test-results/junit.xml; echo tested; exit $2'
    return ("sh", "-c", script, "test", RESULTS.format(outcome=outcome), str(status))


def reported(project: Project, build: Finished) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    client = project.client("codebuild")
    (arn,) = build.record["reportArns"]
    (report,) = client.batch_get_reports(reportArns=[arn])["reports"]
    listed = client.list_reports_for_report_group(reportGroupArn=report["reportGroupArn"])
    assert listed["reports"] == [arn]
    return report, client.describe_test_cases(reportArn=arn)["testCases"]


def with_report(*command: str, **options: Any) -> Callable[[cdk.Stack], dict[str, Any]]:
    def configure(stack: cdk.Stack) -> dict[str, Any]:
        group = codebuild.ReportGroup(stack, "Tests")
        return {
            "docker_build": with_test(*command),
            "reports": [BuildReport(group=group, **options)],
        }

    return configure


def test_an_image_that_passes_is_pushed(new_project: Callable[..., Project]) -> None:
    project = new_project(
        docker_build=with_test("sh", "-c", 'id -un; echo "<$1>"', "sh", "a b", "")
    )
    build = project.build({"Dockerfile": DOCKERFILE}, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert list(project.tags()) == [TAG]
    # As the image's user, in the place of its entry point.
    assert "node\n<a b>" in build.said


def test_an_image_that_fails_is_not_pushed(new_project: Callable[..., Project]) -> None:
    project = new_project(docker_build=with_test("sh", "-c", "echo the cause >&2; exit 3"))
    build = project.build({"Dockerfile": DOCKERFILE}, commit=COMMIT)
    assert build.status == "FAILED"
    assert build.failure is not None
    assert build.failure[0] == "BUILD"
    assert build.last_words.splitlines()[-2:] == [
        "the cause",
        "The image's test has failed: it is not pushed.",
    ]
    assert project.images() == []
    assert build.artifact is None


def test_a_test_that_the_image_does_not_have(new_project: Callable[..., Project]) -> None:
    project = new_project(docker_build=with_test("absent", "--option"))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "FAILED"
    assert '"absent": executable file not found' in build.last_words
    assert project.images() == []


def test_an_image_to_be_tested_that_cannot_be_built(new_project: Callable[..., Project]) -> None:
    project = new_project(docker_build=with_test("true"))
    build = project.build({"Dockerfile": "FROM scratch\nCOPY absent /\n"})
    assert build.status == "FAILED"
    assert '"/absent": not found' in build.last_words
    assert "test has failed" not in build.said


def test_results_become_a_report(new_project: Callable[..., Project]) -> None:
    project = new_project(with_report(*leaving("", 0)))
    build = project.build({"Dockerfile": DOCKERFILE}, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    report, cases = reported(project, build)
    assert (report["status"], report["executionId"]) == ("SUCCEEDED", build.record["arn"])
    assert report["testSummary"] == {
        "total": 3,
        "statusCounts": {"SUCCEEDED": 2, "SKIPPED": 1},
        "durationInNanoSeconds": 1_750_000_000,
    }
    assert [(case["prefix"], case["name"], case["status"]) for case in cases] == [
        ("Greeting", "says hello", "SUCCEEDED"),
        ("Greeting", "says goodbye", "SUCCEEDED"),
        ("Greeting", "sings", "SKIPPED"),
    ]


def test_results_of_a_failed_test_become_a_report(new_project: Callable[..., Project]) -> None:
    project = new_project(with_report(*leaving(FAILED, 1)))
    build = project.build({"Dockerfile": DOCKERFILE}, commit=COMMIT)
    assert build.status == "FAILED"
    assert project.images() == []
    report, cases = reported(project, build)
    assert report["status"] == "FAILED"
    (failed,) = (case for case in cases if case["status"] == "FAILED")
    assert (failed["name"], failed["testSuiteName"]) == ("says goodbye", "greeting")
    assert failed["message"] == "it was silent\nat line 7"


def test_a_report_without_results_fails_no_build(new_project: Callable[..., Project]) -> None:
    project = new_project(with_report("true"))
    build = project.build({"Dockerfile": DOCKERFILE}, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    report, cases = reported(project, build)
    assert (report["status"], cases) == ("INCOMPLETE", [])


def test_a_report_of_ones_own_commands(new_project: Callable[..., Project]) -> None:
    def configure(stack: cdk.Stack) -> dict[str, Any]:
        group = codebuild.ReportGroup(
            stack, "Coverage", type=codebuild.ReportGroupType.CODE_COVERAGE
        )
        report = BuildReport(
            group=group,
            format=ReportFormat.CLOVER_XML,
            base_directory="coverage",
            files=["*.xml"],
        )
        commands = PhaseCommands(
            build=["mkdir coverage", "echo '<coverage/>' >coverage/clover.xml"]
        )
        return {"commands": commands, "reports": [report]}

    project = new_project(configure)
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    report, _ = reported(project, build)
    assert (report["type"], report["status"]) == ("CODE_COVERAGE", "SUCCEEDED")
