"""Test cases out of JUnit's XML, as CodeBuild shows them."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

# What a test case may hold, and what CodeBuild calls it; of two the first counts.
_STATUSES = {"error": "ERROR", "failure": "FAILED", "skipped": "SKIPPED"}


class ReportError(Exception):
    """A file is no report of its format; the message says why."""


def test_cases(content: bytes, path: str) -> Iterator[dict[str, Any]]:
    """Read the test cases of a file.

    The members are those of
    https://docs.aws.amazon.com/codebuild/latest/APIReference/API_TestCase.html; the guide does not
    say which parts of the XML they come from.

    Parameters
    ----------
    content
        The file's content.
    path
        Where it was, for ``testRawDataPath``.

    Raises
    ------
    ReportError
        If it is not JUnit's XML.
    """
    try:
        # Python's parser loads nothing from outside, and expat limits how entities may grow.
        root = ET.fromstring(content)  # noqa: S314
    except ET.ParseError as error:
        raise ReportError(f"{path} is not XML: {error}") from None
    if root.tag not in ("testsuites", "testsuite"):
        raise ReportError(f"{path} is not JUnit's: its root is <{root.tag}>")
    for suite in root.iter("testsuite"):
        for case in suite.findall("testcase"):
            yield _test_case(case, suite.get("name", ""), path)


def _test_case(case: ET.Element, suite: str, path: str) -> dict[str, Any]:
    status, message = "SUCCEEDED", ""
    for tag, meaning in _STATUSES.items():
        outcome = case.find(tag)
        if outcome is not None:
            status = meaning
            message = "\n".join(
                text for text in (outcome.get("message"), outcome.text) if text
            ).strip()
            break
    return {
        "testRawDataPath": path,
        "prefix": case.get("classname", ""),
        "name": case.get("name", ""),
        "testSuiteName": suite,
        "status": status,
        "durationInNanoSeconds": _nanoseconds(case.get("time", "0")),
        "message": message,
    }


def _nanoseconds(seconds: str) -> int:
    try:
        value = float(seconds.replace(",", ""))
    except ValueError:
        return 0
    return int(value * 1e9) if math.isfinite(value) else 0
