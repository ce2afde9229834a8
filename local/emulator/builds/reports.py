"""Reports of builds: their groups, and the test cases in them.

https://docs.aws.amazon.com/codebuild/latest/userguide/test-reporting.html. Only JUnit's XML is read
into test cases. A report of another format has its status and, where its group exports, its files.
"""

import collections
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local import agent
from local.emulator import scope
from local.emulator.builds.junit import ReportError, test_cases
from local.emulator.clients import Clients
from local.emulator.pages import page
from local.emulator.permissions import permissions
from local.emulator.resources import Attributes, Created, Declared, Properties, add_resource_type
from local.emulator.resources import camel as camel_case
from local.emulator.service import Operation, ServiceError, store

# ARN -> group, report, test cases
groups = store()
reports = store()
cases = store()

_COVERAGE = ("CLOVERXML", "COBERTURAXML", "JACOCOXML", "SIMPLECOV")
_LIFETIME = 30 * 24 * 60 * 60
_MOST_CASES = 500
_NO_EXPORT = {"exportConfigType": "NO_EXPORT"}


def operations() -> dict[str, Operation]:
    """Return the operations on reports and their groups."""
    return {
        "CreateReportGroup": lambda request: {"reportGroup": _create_group(request)},
        "DeleteReportGroup": _delete_group,
        "BatchGetReportGroups": _batch_get_groups,
        "ListReportGroups": lambda request: page("reportGroups", sorted(groups), request),
        "ListReports": lambda request: _list(request, None),
        "ListReportsForReportGroup": lambda request: _list(request, request["reportGroupArn"]),
        "BatchGetReports": _batch_get,
        "DescribeTestCases": _describe_test_cases,
    }


def register_resource_type() -> None:
    """Add ``AWS::CodeBuild::ReportGroup``."""
    add_resource_type(
        "AWS::CodeBuild::ReportGroup",
        create=_create_declared,
        delete=_delete_declared,
        update=_update_declared,
        replaces=("Name", "Type"),
        tags="Tags",
    )


def publish(
    build: Mapping[str, Any], result: agent.BuildResult, clients: Clients
) -> tuple[str, ...]:
    """Keep what a build has to report.

    Parameters
    ----------
    build
        The build's record.
    result
        What the agent has made of the build.
    clients
        Clients of the emulator.

    Returns
    -------
    tuple
        The reports' ARNs.
    """
    return tuple(
        _publish(build, _group_of(build, name, report.file_format, clients), report, clients)
        for name, report in result.reports.items()
    )


def _group_of(
    build: Mapping[str, Any], name: str, file_format: str, clients: Clients
) -> dict[str, Any]:
    """Find the group of an ARN, or the one that a build makes for a name.

    https://docs.aws.amazon.com/codebuild/latest/userguide/test-report-group-naming.html
    """
    if name.startswith("arn:"):
        if name not in groups:
            raise ServiceError("ResourceNotFoundException", f"Report group not found: {name}")
        found: dict[str, Any] = groups[name]
        return found
    name = f"{build['projectName']}-{name}"
    known = _arn(name)
    if known in groups:
        existing: dict[str, Any] = groups[known]
        return existing
    permissions.demand(clients.role, "codebuild:CreateReportGroup", known)
    kind = "CODE_COVERAGE" if file_format in _COVERAGE else "TEST"
    return _create_group({"name": name, "type": kind, "exportConfig": _NO_EXPORT})


def _publish(
    build: Mapping[str, Any],
    group: Mapping[str, Any],
    report: agent.CollectedReport,
    clients: Clients,
) -> str:
    covers = group["type"] == "CODE_COVERAGE"
    put = "BatchPutCodeCoverages" if covers else "BatchPutTestCases"
    for action in ("CreateReport", "UpdateReport", put):
        permissions.demand(clients.role, f"codebuild:{action}", group["arn"])
    now, unique = time.time(), str(uuid.uuid4())
    arn = scope.arn("codebuild", f"report/{group['name']}:{unique}")
    shown = {
        "arn": arn,
        "type": group["type"],
        "name": f"{group['name']}:{unique}",
        "reportGroupArn": group["arn"],
        "executionId": build["arn"],
        "created": now,
        "expired": now + _LIFETIME,
        "exportConfig": group["exportConfig"],
        "truncated": False,
        "status": "INCOMPLETE",
    }
    if report.folder is not None:
        _export(group["exportConfig"], f"{group['name']}/{unique}", report.folder, clients)
        shown["status"] = "SUCCEEDED"
        if report.file_format == "JUNITXML":
            shown |= _read(arn, report.folder, shown["expired"])
    reports[arn] = shown
    return arn


def _read(arn: str, folder: Path, expired: float) -> dict[str, Any]:
    """Keep the test cases of a report's files; return what they make of the report."""
    try:
        found = [
            {**case, "reportArn": arn, "expired": expired}
            for file in sorted(path for path in folder.rglob("*") if path.is_file())
            for case in test_cases(file.read_bytes(), file.relative_to(folder).as_posix())
        ]
    except ReportError:
        return {"status": "INCOMPLETE"}
    counts = collections.Counter(case["status"] for case in found)
    # Of too many the failed ones are those that stay.
    kept = sorted(found, key=lambda case: case["status"] != "FAILED")[:_MOST_CASES]
    cases[arn] = kept if len(found) > _MOST_CASES else found
    return {
        "status": "FAILED" if counts["FAILED"] or counts["ERROR"] else "SUCCEEDED",
        "truncated": len(found) > _MOST_CASES,
        "testSummary": {
            "total": len(found),
            "statusCounts": dict(counts),
            "durationInNanoSeconds": sum(case["durationInNanoSeconds"] for case in found),
        },
    }


def _export(config: Mapping[str, Any], name: str, folder: Path, clients: Clients) -> None:
    """Put the files where the group exports to; AWS is silent about their names there."""
    if config["exportConfigType"] != "S3":
        return
    target = config["s3Destination"]
    prefix = "/".join(part for part in (target.get("path", "").strip("/"), name) if part)
    for file in (path for path in folder.rglob("*") if path.is_file()):
        clients("s3").put_object(
            Bucket=target["bucket"],
            Key=f"{prefix}/{file.relative_to(folder).as_posix()}",
            Body=file.read_bytes(),
        )


def _arn(name: str) -> str:
    return scope.arn("codebuild", f"report-group/{name}")


def _create_group(request: Mapping[str, Any]) -> dict[str, Any]:
    arn, now = _arn(request["name"]), time.time()
    if arn in groups:
        raise ServiceError("ResourceAlreadyExistsException", f"Report group already exists: {arn}")
    group = {
        "arn": arn,
        "name": request["name"],
        "type": request["type"],
        "exportConfig": request["exportConfig"],
        "created": now,
        "lastModified": now,
        "status": "ACTIVE",
        "tags": request.get("tags", []),
    }
    groups[arn] = group
    return group


def _delete_group(request: dict[str, Any]) -> dict[str, Any]:
    arn = request["arn"]
    theirs = [key for key, report in reports.items() if report["reportGroupArn"] == arn]
    if theirs and not request.get("deleteReports"):
        raise ServiceError(
            "InvalidInputException", f"Report group {arn} has reports: give deleteReports as well"
        )
    for key in theirs:
        reports.pop(key)
        cases.pop(key, None)
    groups.pop(arn, None)
    return {}


def _batch_get_groups(request: dict[str, Any]) -> dict[str, Any]:
    arns = request["reportGroupArns"]
    return {
        "reportGroups": [groups[arn] for arn in arns if arn in groups],
        "reportGroupsNotFound": [arn for arn in arns if arn not in groups],
    }


def _batch_get(request: dict[str, Any]) -> dict[str, Any]:
    arns = request["reportArns"]
    return {
        "reports": [reports[arn] for arn in arns if arn in reports],
        "reportsNotFound": [arn for arn in arns if arn not in reports],
    }


def _list(request: dict[str, Any], group: str | None) -> dict[str, Any]:
    if group is not None and group not in groups:
        raise ServiceError("ResourceNotFoundException", f"Report group not found: {group}")
    status = request.get("filter", {}).get("status")
    found = [
        report
        for report in reports.values()
        if group in (None, report["reportGroupArn"]) and status in (None, report["status"])
    ]
    newest_first = request.get("sortOrder", "DESCENDING") == "DESCENDING"
    found.sort(key=lambda report: report["created"], reverse=newest_first)
    return page("reports", [report["arn"] for report in found], request)


def _describe_test_cases(request: dict[str, Any]) -> dict[str, Any]:
    arn = request["reportArn"]
    if arn not in reports:
        raise ServiceError("ResourceNotFoundException", f"Report not found: {arn}")
    status = request.get("filter", {}).get("status")
    found = [case for case in cases.get(arn) or () if status in (None, case["status"])]
    return page("testCases", found, request)


def _create_declared(declared: Declared) -> Created:
    request = camel_case(declared.properties)
    try:
        group = _create_group({**request, "name": declared.name("Name", 128)})
    except ServiceError as error:
        raise ValueError(str(error)) from error
    return group["arn"], {"Arn": group["arn"]}


def _update_declared(arn: str, _: Properties, declared: Declared) -> Attributes:
    request = camel_case(declared.properties)
    changes = {"exportConfig": request["exportConfig"], "tags": request.get("tags", [])}
    groups[arn] = {**groups[arn], **changes, "lastModified": time.time()}
    return {"Arn": arn}


def _delete_declared(arn: str, properties: Properties) -> None:
    _delete_group({"arn": arn, "deleteReports": properties.get("DeleteReports", False)})
