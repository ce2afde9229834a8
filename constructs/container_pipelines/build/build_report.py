"""Test results and coverage that CodeBuild keeps and shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aws_cdk import aws_codebuild as codebuild

from container_pipelines._checks import check_name, check_one_of

TEST_RESULTS: Final = ".container-test-results"
"""Where the library's buildspec puts what the image's test has left in ``/test-results``."""


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
        ``/test-results``, see :class:`DockerBuild`.

    Raises
    ------
    ValueError
        If the format is unknown, there is no pattern, or a text holds a line break.

    Notes
    -----
    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.reports
    """

    group: codebuild.IReportGroup
    format: ReportFormat = ReportFormat.JUNIT_XML
    files: Sequence[str] = ("**/*",)
    base_directory: str = TEST_RESULTS

    def __post_init__(self) -> None:
        check_one_of(
            "build_report.format", self.format, list(ReportFormat), fix="omit it for JUnit's"
        )
        if not self.files:
            raise ValueError(
                "'build_report.files' must have a pattern, got none; omit it to take all files"
            )
        for parameter, values in (
            ("files", self.files),
            ("base_directory", (self.base_directory,)),
        ):
            for value in values:
                check_name(
                    f"build_report.{parameter}",
                    value,
                    pattern=r"[^\x00-\x1f]+",
                    maximum=1024,
                    allowed="one line",
                )
