"""The files of reports, which a build leaves whether its tests have failed or not.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.reports
"""

from textwrap import dedent

import pytest

BUILD = """\
version: 0.2
phases:
  build:
    commands:
      - mkdir -p out/deep
      - echo one >out/one.xml; echo two >out/deep/two.xml; echo no >out/three.txt
      - {last}
reports:
  unit:
    files: ['**/*.xml']
    base-directory: out
"""


def collected(report):
    folder = report.folder
    return {
        path.relative_to(folder).as_posix(): path.read_text().strip()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("last", ["true", "false"])
def test_a_reports_files_are_collected_after_success_and_failure(build, last):
    result = build(BUILD.format(last=last))

    assert result.status == ("SUCCEEDED" if last == "true" else "FAILED")
    assert result.reports["unit"].file_format == "JUNITXML"
    assert collected(result.reports["unit"]) == {"one.xml": "one", "deep/two.xml": "two"}


def test_paths_can_be_dropped(build):
    result = build(BUILD.format(last="true") + "    discard-paths: yes\n")

    assert collected(result.reports["unit"]) == {"one.xml": "one", "two.xml": "two"}


@pytest.mark.parametrize("base", ["absent", "out"])
def test_a_report_without_files_fails_no_build(build, base):
    result = build(
        dedent(f"""\
        version: 0.2
        phases: {{build: {{commands: [mkdir out]}}}}
        reports: {{unit: {{files: '*.xml', base-directory: {base}}}}}
        """)
    )

    assert result.status == "SUCCEEDED"
    assert result.reports["unit"].folder is None
    assert "Report unit is incomplete: no matching" in build.log


def test_reports_are_collected_although_the_artifact_is_missing(build):
    result = build(BUILD.format(last="true") + "artifacts: {files: absent}\n")

    assert result.status == "FAILED"
    assert collected(result.reports["unit"])


def test_a_build_that_ends_early_has_no_reports(build):
    spec = BUILD.replace("  build:", "  pre_build:").format(last="false")
    result = build(spec)

    assert result.status == "FAILED"
    assert result.reports == {}
