"""Small buildspecs and what AWS says becomes of them."""

import re
from dataclasses import dataclass
from textwrap import dedent

import pytest

_GUIDE = "https://docs.aws.amazon.com/codebuild/latest/userguide/"
_REFERENCE = _GUIDE + "build-spec-ref.html"
_TRANSITIONS = _GUIDE + "view-build-details-phases.html"
_VARIABLES = _GUIDE + "build-env-ref-env-vars.html"
_COMMANDS = _GUIDE + "build-env-ref-cmd.html"
# Where the guide is silent: what people's logs of the service show.
_LOGS = "https://github.com/aws/copilot-cli/issues/2780"
_CONTINUE = "https://github.com/aws-ia/terraform-aws-control_tower_account_factory/issues/581"

_OK, _NO = "SUCCEEDED", "FAILED"


@dataclass(frozen=True)
class Case:
    phases: str
    status: str
    ended: str
    output: str
    source: str
    top: str = ""


CASES = {
    "all phases come in their order, whatever the order they stand in": Case(
        """
        post_build: {commands: [echo 4]}
        build: {commands: [echo 3]}
        pre_build: {commands: [echo 2]}
        install: {commands: [echo 1]}
        """,
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "1 2 3 4",
        _REFERENCE,
    ),
    "phases without commands come all the same": Case(
        "build: {commands: [echo 3]}",
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "3",
        _TRANSITIONS,
    ),
    "a failed install ends the build": Case(
        """
        install: {commands: [echo 1, exit 7, echo never]}
        pre_build: {commands: [echo never]}
        build: {commands: [echo never]}
        post_build: {commands: [echo never]}
        """,
        _NO,
        "INSTALL!",
        "1",
        _REFERENCE,
    ),
    "a failed pre_build ends the build": Case(
        """
        pre_build: {commands: [exit 1]}
        build: {commands: [echo never]}
        post_build: {commands: [echo never]}
        """,
        _NO,
        "INSTALL PRE_BUILD!",
        "",
        _TRANSITIONS,
    ),
    "post_build comes after a failed build and knows": Case(
        """
        build: {commands: ["echo $CODEBUILD_BUILD_SUCCEEDING", "false", echo never]}
        post_build: {commands: ["echo $CODEBUILD_BUILD_SUCCEEDING"]}
        """,
        _NO,
        "INSTALL PRE_BUILD BUILD! POST_BUILD UPLOAD_ARTIFACTS",
        "1 0",
        _VARIABLES,
    ),
    "artifacts are attempted after a failed post_build": Case(
        "post_build: {commands: ['false']}",
        _NO,
        "INSTALL PRE_BUILD BUILD POST_BUILD! UPLOAD_ARTIFACTS",
        "",
        _LOGS,
    ),
    "finally comes after success": Case(
        "build: {commands: [echo 1], finally: [echo 2]}",
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "1 2",
        _REFERENCE,
    ),
    "finally comes after failure": Case(
        "install: {commands: ['false', echo never], finally: [echo 1, echo 2]}",
        _NO,
        "INSTALL!",
        "1 2",
        _REFERENCE,
    ),
    "a failure in finally fails the phase": Case(
        "install: {commands: [echo 1], finally: ['false', echo never]}",
        _NO,
        "INSTALL!",
        "1",
        _REFERENCE,
    ),
    "ABORT after a failed build leaves out post_build and artifacts": Case(
        """
        build: {on-failure: ABORT, commands: ['false'], finally: [echo 1]}
        post_build: {commands: [echo never]}
        """,
        _NO,
        "INSTALL PRE_BUILD BUILD!",
        "1",
        _REFERENCE,
    ),
    "CONTINUE goes on to the next phase and the build succeeds": Case(
        """
        install: {on-failure: CONTINUE, commands: ['false']}
        build: {commands: ["echo $CODEBUILD_BUILD_SUCCEEDING"]}
        """,
        _OK,
        "INSTALL! PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "0",
        _CONTINUE,
    ),
    "CONTINUE does not make up for a later failure": Case(
        """
        install: {on-failure: CONTINUE, commands: ['false']}
        pre_build: {commands: ['false']}
        """,
        _NO,
        "INSTALL! PRE_BUILD!",
        "",
        _REFERENCE,
    ),
    "RETRY tries three times more": Case(
        "install: {on-failure: RETRY, commands: ['echo x >> tries', 'wc -l < tries; false']}",
        _NO,
        "INSTALL!",
        "1 2 3 4",
        _REFERENCE,
    ),
    "RETRY ends with the first success, and the build succeeds": Case(
        """
        install:
          on-failure: RETRY-5
          commands: ['echo x >> tries', 'test $(wc -l < tries) = 3']
          finally: ['echo $CODEBUILD_BUILD_SUCCEEDING']
        build: {commands: ['echo $CODEBUILD_BUILD_SUCCEEDING']}
        """,
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "0 0 1 1",
        _REFERENCE,
    ),
    "RETRY-count with a regular expression that matches": Case(
        "install: {on-failure: 'RETRY-1-.*not found', commands: ['echo try; no-such-command']}",
        _NO,
        "INSTALL!",
        " ".join(2 * ["try /script.sh: 4: no-such-command: not found"]),
        _REFERENCE,
    ),
    "RETRY with a regular expression that does not match": Case(
        "install: {on-failure: 'RETRY-Timeout', commands: ['echo try; false']}",
        _NO,
        "INSTALL!",
        "try",
        _REFERENCE,
    ),
    "RETRY-0 does not try again": Case(
        "install: {on-failure: RETRY-0, commands: ['echo try; false']}",
        _NO,
        "INSTALL!",
        "try",
        _REFERENCE,
    ),
    "a build that failed every RETRY has its post_build": Case(
        """
        build: {on-failure: RETRY-1, commands: ['cd sub', 'false']}
        post_build: {commands: [echo post]}
        install: {commands: [mkdir sub]}
        """,
        _NO,
        "INSTALL PRE_BUILD BUILD! POST_BUILD UPLOAD_ARTIFACTS",
        "post",
        _REFERENCE,
    ),
    "variables and the directory are carried through commands and phases": Case(
        """
        install: {commands: [mkdir sub, cd sub, 'TAG=1', 'export NAME="a b"']}
        build: {commands: ['basename "$(pwd)"', 'echo $TAG "$NAME"', unset TAG, 'echo ${TAG-gone}']}
        """,
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "sub 1 a b gone",
        _COMMANDS,
    ),
    "functions and set -e are not carried": Case(
        "build: {commands: ['set -e; f() { :; }; f', 'f || echo no f', 'false; echo here']}",
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "/script.sh: 4: f: not found no f here",
        _COMMANDS,
    ),
    "bash's arrays and functions are not carried": Case(
        """
        build:
          commands:
            - f() { :; }; export -f f; a=(1 2); echo ${a[1]}
            - type f >/dev/null 2>&1 || echo no f
            - echo "${#a[@]}"
        """,
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "2 no f 0",
        _COMMANDS,
        top="env: {shell: bash}",
    ),
    "the default shell is sh": Case(
        "build: {commands: ['echo ${BASH_VERSION:-sh}']}",
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "sh",
        _REFERENCE,
    ),
    "exit 0 ends only its command": Case(
        "build: {commands: ['exit 0; echo never', echo next]}",
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "next",
        _COMMANDS,
    ),
    "a command reads nothing": Case(
        "build: {commands: ['cat; echo end']}",
        _OK,
        "INSTALL PRE_BUILD BUILD POST_BUILD UPLOAD_ARTIFACTS",
        "end",
        _COMMANDS,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_documented_outcome(case, build):
    phases = "\n".join(f"  {line}" for line in dedent(case.phases).strip().splitlines())
    result = build(f"version: 0.2\n{case.top}\nphases:\n{phases}\n")

    ended = [f"{phase.name}{'!' * (phase.status == _NO)}" for phase in result.phases]
    assert ended == ["DOWNLOAD_SOURCE", *case.ended.split(), "FINALIZING"], case.source
    assert result.status == case.status, case.source
    output = re.sub(r"/\S+(?=/script\.sh)", "", " ".join(build.output))
    assert " ".join(output.split()) == case.output, case.source


def test_a_failure_is_reported_as_codebuild_tells_it(build):
    result = build("version: 0.2\nphases: {build: {commands: ['(exit 3)']}}")

    [failed] = [phase for phase in result.phases if phase.status == "FAILED"]
    message = "Error while executing command: (exit 3). Reason: exit status 3"
    assert failed.message == f"COMMAND_EXECUTION_ERROR: {message}"
    stamp = r"\[Container\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} "
    reported = [re.sub(stamp, "", line) for line in build.lines if re.match(stamp, line)]
    entered = reported.index("Entering phase BUILD")
    assert reported[entered + 1 : entered + 5] == [
        "Running command (exit 3)",
        "Command did not exit successfully (exit 3) exit status 3",
        "Phase complete: BUILD State: FAILED",
        f"Phase context status code: COMMAND_EXECUTION_ERROR Message: {message}",
    ]


def test_a_command_of_several_lines_is_logged_in_lines(build):
    build("version: 0.2\nphases: {build: {commands: ['echo one\n\n  echo two']}}")

    assert {"\n" in line for line in build.lines} == {False}
    assert "echo two" in build.lines


def test_the_first_failure_of_a_phase_is_reported(build):
    result = build("version: 0.2\nphases: {install: {commands: [exit 1], finally: [exit 2]}}")

    assert result.phases[1].message.endswith("command: exit 1. Reason: exit status 1")


@pytest.mark.parametrize(
    ("first_line", "status", "made"), [("true", _OK, True), ("set -e", _NO, False)]
)
def test_a_command_of_several_lines_ends_like_its_last_one(first_line, status, made, build):
    result = build(
        "version: 0.2\nphases:\n  build:\n    commands:\n      - |\n"
        f"        {first_line}\n        false\n        echo > made"
    )

    assert result.status == status
    assert (build.source / "made").exists() is made


def test_what_a_signal_ends_has_failed(build):
    result = build("version: 0.2\nphases: {install: {commands: ['kill -9 $$']}}")

    assert result.phases[1].message.endswith("Reason: signal: killed")


def test_a_directory_that_is_gone_fails_the_next_command(build):
    result = build(
        "version: 0.2\nphases: {install: {commands: [mkdir sub, cd sub, rmdir ../sub, echo never]}}"
    )

    assert result.status == "FAILED"
    assert "the shell does not start" in result.phases[1].message
    assert build.output == []


def test_times_of_phases_are_in_utc_and_in_order(build):
    result = build("version: 0.2\nphases: {build: {commands: ['true']}}")

    started = [phase.started for phase in result.phases]
    assert started == sorted(started)
    assert {moment.utcoffset().total_seconds() == 0 for moment in started} == {True}
    assert {phase.seconds >= 0 for phase in result.phases} == {True}


@pytest.mark.parametrize(("command", "status"), [("true", _OK), ("false", _NO)])
def test_a_backslash_at_the_end_of_a_command_continues_nothing(command, status, build):
    result = build(
        f"version: 0.2\nphases: {{build: {{commands: ['true', 'echo one \\', '{command} \\']}}}}"
    )

    assert result.status == status
    assert build.output == ["one"]
