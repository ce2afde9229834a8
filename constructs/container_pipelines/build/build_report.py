"""Test results and coverage that CodeBuild keeps and shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aws_cdk import aws_codebuild as codebuild

from container_pipelines._checks import check_name
from container_pipelines._types import checked
from container_pipelines.build.docker_build import PATH_ALLOWED, SOURCE_PATH

TEST_RESULTS: Final = ".container-test-results"
"""Where the library's buildspec puts what the image's test has left in ``/test-results``."""

_REPORTS: Final = ".container-reports"
"""Where it puts the files of other folders, each in one of its own."""


class ReportFormat(StrEnum):
    """The format of a report's files, in CodeBuild's words."""

    CUCUMBER_JSON = "CUCUMBERJSON"
    JUNIT_XML = "JUNITXML"
    NUNIT_XML = "NUNITXML"
    NUNIT3_XML = "NUNIT3XML"
    TESTNG_XML = "TESTNGXML"
    VISUAL_STUDIO_TRX = "VISUALSTUDIOTRX"
    CLOVER_XML = "CLOVERXML"
    COBERTURA_XML = "COBERTURAXML"
    JACOCO_XML = "JACOCOXML"
    SIMPLE_COV = "SIMPLECOV"


@checked("build_report")
@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """Files of a build that become a report, also when the build fails.

    Parameters
    ----------
    group
        The report group, such as a :class:`aws_cdk.aws_codebuild.ReportGroup`: of type ``TEST``,
        or ``CODE_COVERAGE`` for the formats of coverage. The build may write to it.
    format
        The files' format.
    files
        Patterns for the files, from ``base_directory``.
    base_directory
        The folder, from the source's root. By default what the image's test has left in
        ``/test-results``, see :class:`DockerBuild`. Of another folder the build hands over plain
        files alone: a symbolic link of the source could lead to files of the build machine.

    Raises
    ------
    ValueError
        If the format is unknown, there is no pattern, a text holds a line break, or the folder is
        not in the source.

    Notes
    -----
    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.reports
    """

    group: codebuild.IReportGroup
    format: ReportFormat = ReportFormat.JUNIT_XML
    files: Sequence[str] = ("**/*",)
    base_directory: str = TEST_RESULTS

    def __post_init__(self) -> None:
        if not self.files:
            raise ValueError(
                "'build_report.files' must have a pattern, got none; omit it to take all files"
            )
        for pattern in self.files:
            check_name(
                "build_report.files",
                pattern,
                pattern=r"[^\x00-\x1f]+",
                maximum=1024,
                allowed="one line",
            )
        check_name(
            "build_report.base_directory",
            self.base_directory,
            pattern=SOURCE_PATH,
            maximum=1024,
            allowed=PATH_ALLOWED,
        )


def report_folders(reports: Sequence[BuildReport]) -> dict[str, str]:
    """Give the folders that the build is to hand over files of, beside the test's results.

    Parameters
    ----------
    reports
        The reports.

    Returns
    -------
    dict[str, str]
        Where CodeBuild finds the files of each folder, by the folder.
    """
    folders = dict.fromkeys(report.base_directory for report in reports)
    folders.pop(TEST_RESULTS, None)
    return {folder: f"{_REPORTS}/{number}" for number, folder in enumerate(folders, start=1)}
