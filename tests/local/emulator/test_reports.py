"""Reports of builds, their groups and test cases."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import project
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually

JUNIT = (
    '<testsuite name="s"><testcase classname="c" name="good" time="1,000.5"/>'
    '<testcase classname="c" name="bad" time="x"><failure message="m">t</failure></testcase>'
    '<testcase classname="c" name="worse"><error/></testcase>'
    '<testcase classname="c" name="none"><skipped/></testcase></testsuite>'
)


def group(**properties: Any) -> dict[str, Any]:
    given = {"Type": "TEST", "ExportConfig": {"ExportConfigType": "NO_EXPORT"}, **properties}
    return {"Type": "AWS::CodeBuild::ReportGroup", "Properties": given}


def spec(name: Any, content: str, **report: Any) -> Any:
    """A buildspec whose build reports some content, to a group by name or ARN."""
    text = json.dumps(
        {
            "version": 0.2,
            "phases": {"build": {"commands": [f"echo '{content}' > results.xml"]}},
            "reports": {"NAME": {"files": ["*.xml"], **report}},
        }
    )
    before, after = text.split("NAME")
    return {"Fn::Join": ["", [before, name, after]]}


def run(emulator: Emulator, resources: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Deploy a project and build; return the build, and what the group's resource refers to."""
    outputs = {name: {"Value": {"Ref": name}} for name in resources}
    deployed = emulator.outputs(emulator.deploy({"Resources": resources, "Outputs": outputs}))
    codebuild = emulator.client("codebuild")
    build_id = codebuild.start_build(projectName=deployed["Build"])["build"]["id"]

    def over() -> dict[str, Any] | None:
        (build,) = codebuild.batch_get_builds(ids=[build_id])["builds"]
        return build if build["buildComplete"] else None

    return eventually(over), deployed.get("Group", "")


def in_group(
    emulator: Emulator, content: str, properties: dict[str, Any] | None = None, **report: Any
) -> tuple[dict[str, Any], str]:
    buildspec = spec({"Ref": "Group"}, content, **report)
    build, arn = run(
        emulator,
        {
            "Group": group(**(properties or {})),
            "Build": project(buildspec, Source={"Type": "NO_SOURCE"}),
        },
    )
    (report_arn,) = build["reportArns"]
    codebuild = emulator.client("codebuild")
    assert codebuild.list_reports_for_report_group(reportGroupArn=arn)["reports"] == [report_arn]
    (found,) = codebuild.batch_get_reports(reportArns=[report_arn])["reports"]
    assert found["executionId"] == build["arn"]
    return found, arn


def test_test_cases_with_their_statuses(emulator: Emulator) -> None:
    report, _ = in_group(emulator, JUNIT)
    assert report["status"] == "FAILED"
    counts = {"SUCCEEDED": 1, "FAILED": 1, "ERROR": 1, "SKIPPED": 1}
    assert report["testSummary"]["statusCounts"] == counts
    codebuild = emulator.client("codebuild")
    cases = codebuild.describe_test_cases(reportArn=report["arn"])["testCases"]
    assert [case["name"] for case in cases] == ["good", "bad", "worse", "none"]
    assert cases[0]["durationInNanoSeconds"] == 1_000_500_000_000
    assert cases[1]["message"] == "m\nt"
    assert {(case["prefix"], case["testSuiteName"]) for case in cases} == {("c", "s")}
    failed = codebuild.describe_test_cases(reportArn=report["arn"], filter={"status": "FAILED"})
    assert [case["name"] for case in failed["testCases"]] == ["bad"]


def test_of_too_many_test_cases_the_failed_ones_stay(emulator: Emulator) -> None:
    passing = '<testcase name="x"/>' * 600
    failing = '<testcase name="last"><failure/></testcase>'
    report, _ = in_group(emulator, f"<testsuite>{passing}{failing}</testsuite>")
    assert (report["truncated"], report["testSummary"]["total"]) == (True, 601)
    pages = emulator.client("codebuild").get_paginator("describe_test_cases")
    cases = [case for page in pages.paginate(reportArn=report["arn"]) for case in page["testCases"]]
    assert len(cases) == 500
    assert cases[0]["name"] == "last"


@pytest.mark.parametrize("content", ["<testsuite>", "<html/>"])
def test_what_is_no_report_is_incomplete(emulator: Emulator, content: str) -> None:
    report, _ = in_group(emulator, content)
    assert report["status"] == "INCOMPLETE"


def test_files_of_other_formats_are_exported(emulator: Emulator) -> None:
    bucket = emulator.new_name("exported")
    emulator.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    config = {"ExportConfigType": "S3", "S3Destination": {"Bucket": bucket, "Path": "/kept/"}}
    properties = {"Type": "CODE_COVERAGE", "ExportConfig": config, "Name": "coverage"}
    report, _ = in_group(emulator, "<coverage/>", properties, **{"file-format": "CLOVERXML"})
    assert (report["type"], report["status"]) == ("CODE_COVERAGE", "SUCCEEDED")
    (kept,) = emulator.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    name, _, unique = report["name"].partition(":")
    assert kept["Key"] == f"kept/{name}/{unique}/results.xml"


def test_a_name_makes_a_group_of_the_project(emulator: Emulator) -> None:
    resource = project(spec("unit", JUNIT), Source={"Type": "NO_SOURCE"})
    builds = [run(emulator, {"Build": resource})[0] for _ in range(1)]
    (report,) = builds[0]["reportArns"]
    name = f"{builds[0]['projectName']}-unit"
    arn = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report-group/{name}"
    codebuild = emulator.client("codebuild")
    (found,) = codebuild.batch_get_report_groups(reportGroupArns=[arn])["reportGroups"]
    assert (found["name"], found["type"]) == (name, "TEST")
    assert report.startswith(arn.replace("report-group", "report") + ":")
    with pytest.raises(ClientError, match="deleteReports"):
        codebuild.delete_report_group(arn=arn)
    codebuild.delete_report_group(arn=arn, deleteReports=True)
    assert codebuild.batch_get_reports(reportArns=[report])["reportsNotFound"] == [report]
    assert arn not in codebuild.list_report_groups()["reportGroups"]


def test_a_group_that_is_not_there_costs_the_report_alone(emulator: Emulator) -> None:
    absent = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report-group/absent"
    build, _ = run(emulator, {"Build": project(spec(absent, JUNIT), Source={"Type": "NO_SOURCE"})})
    assert build["buildStatus"] == "SUCCEEDED"
    assert not build.get("reportArns")
    codebuild = emulator.client("codebuild")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        codebuild.list_reports_for_report_group(reportGroupArn=absent)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        codebuild.describe_test_cases(reportArn=absent)
