"""The end of a failed build's log, as it is shown in the terminal."""

from typing import Any

from local.build_log import end_of_log

PLACE = {"groupName": "/aws/codebuild/shop", "streamName": "1"}


class Aws:
    """Clients of CodeBuild and CloudWatch Logs, with one build and its log."""

    def __init__(self, place: dict[str, str], *lines: str) -> None:
        self._place, self._lines = place, lines

    def batch_get_builds(self, ids: list[str]) -> Any:
        return {"builds": [{"id": build, "logs": self._place} for build in ids]}

    def get_log_events(self, **asked: Any) -> Any:
        stream = {"logGroupName": "/aws/codebuild/shop", "logStreamName": "1"}
        assert asked == {**stream, "startFromHead": False}
        return {"events": [{"message": line} for line in self._lines]}


def end(place: dict[str, str], *lines: str) -> str:
    aws: Any = Aws(place, *lines)
    return end_of_log(aws, aws, "shop:1")


def test_it_is_what_commands_have_said_before_the_failure() -> None:
    said = end(
        PLACE,
        "[Container] 2026/01/01 Entering phase BUILD",
        "this is the cause",
        " ",
        "exit code: 7",
        "[Container] 2026/01/01 Command did not exit successfully make exit status 2",
        "cleaning up",
    )
    assert said == "this is the cause\nexit code: 7"


def test_the_last_lines_are_enough() -> None:
    assert end(PLACE, *map(str, range(50))).split("\n") == [str(line) for line in range(30, 50)]


def test_a_build_without_a_log_has_no_end_of_it() -> None:
    assert end({}) == ""
