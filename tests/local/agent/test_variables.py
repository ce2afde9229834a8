import stat
from pathlib import Path

import pytest

from local.agent import Build

_PRINT = """
version: 0.2
env: {variables: {A: buildspec, B: buildspec}}
phases: {build: {commands: ['echo $A $B $C $D']}}
"""


def test_start_and_project_win_over_the_buildspec_which_wins_over_the_machine(build):
    build(
        _PRINT,
        machine={"PATH": "/usr/bin:/bin", "A": "machine", "B": "machine", "C": "machine"},
        environment={"A": "start", "D": "project"},
    )

    assert build.output == ["start buildspec machine project"]


def test_values_are_as_they_are_written(build):
    build(
        "version: 0.2\nenv: {variables: {A: yes, B: 0.10, C: , D: '$HOME x'}}\n"
        "phases: {build: {commands: ['echo \"$A|$B|${C-unset}|$D\"']}}"
    )

    assert build.output == ["yes|0.10||$HOME x"]


def test_parameters_and_secrets_are_looked_up(build):
    build.parameters = {"/team/user": "alice-from-parameter"}
    build.secrets = {"db:password::": "hunter2-from-secret"}
    build(
        "version: 0.2\nenv:\n  parameter-store: {C: /team/user}\n"
        "  secrets-manager: {D: 'db:password::'}\n"
        "phases: {build: {commands: ['echo $C $D', 'echo $C$D | wc -c']}}"
    )

    assert build.output == ["*** ***", str(len("alice-from-parameterhunter2-from-secret\n"))]


def test_what_start_or_project_set_is_not_looked_up(build):
    result = build(
        "version: 0.2\nenv: {parameter-store: {A: /not/there}}\n"
        "phases: {build: {commands: [echo $A]}}",
        environment={"A": "given"},
    )

    assert result.status == "SUCCEEDED"
    assert build.output == ["given"]


@pytest.mark.parametrize("store", ["parameter-store", "secrets-manager"])
def test_a_value_that_is_not_there_fails_the_download(store, build):
    result = build(
        f"version: 0.2\nenv: {{{store}: {{A: /not/there}}}}\n"
        "phases: {build: {commands: [echo never]}}"
    )

    assert result.status == "FAILED"
    assert [phase.name for phase in result.phases] == ["DOWNLOAD_SOURCE", "FINALIZING"]
    assert result.phases[0].message == "Decrypted Variables Error: A: '/not/there'"
    assert build.output == []


def test_nothing_of_the_agent_s_environment_is_seen(build, monkeypatch):
    monkeypatch.setenv("AGENT_ONLY", "leaked")
    build("version: 0.2\nphases: {build: {commands: [env]}}", machine={"PATH": "/usr/bin:/bin"})

    names = {line.partition("=")[0] for line in build.output}
    assert names == {
        "CODEBUILD_AGENT_BUILD",
        "CODEBUILD_BUILD_SUCCEEDING",
        "CODEBUILD_LAST_EXIT",
        "CODEBUILD_SRC_DIR",
        "OLDPWD",
        "PATH",
        "PWD",
    } - ({"CODEBUILD_LAST_EXIT", "OLDPWD"} - names)


def test_sources_are_found(build, tmp_path):
    build(
        "version: 0.2\nphases: {build: {commands: [pwd, echo $CODEBUILD_SRC_DIR, "
        "echo $CODEBUILD_SRC_DIR_other]}}",
        secondary_sources={"other": tmp_path / "other"},
    )

    assert build.output == [str(build.source), str(build.source), str(tmp_path / "other")]


def test_values_survive_from_command_to_command_byte_by_byte(build):
    value = "quotes ' \" $HOME `id` \\ *\nsecond line\n\ttab é"
    build(
        "version: 0.2\nphases: {build: {commands: ['B=$A', 'printf \"%s\" \"$B\" > out']}}",
        environment={"A": value},
    )

    assert (build.source / "out").read_text() == value


def test_an_environment_larger_than_a_pipe_survives(build):
    build(
        "version: 0.2\nphases: {build: {commands: "
        "['A=$(printf %0100000d 7); B=$A', 'echo ${#A} ${#B}']}}"
    )

    assert build.output == ["100000 100000"]


def test_exported_variables_are_read_after_post_build(build):
    result = build(
        "version: 0.2\nenv: {exported-variables: [TAG, URL, MISSING]}\n"
        'phases:\n  install: {commands: [TAG=1, "export URL=http://x/?a=b"]}\n'
        "  post_build: {commands: [TAG=2]}"
    )

    assert result.exported == {"TAG": "2", "URL": "http://x/?a=b"}


def test_variables_are_exported_after_a_failure_too(build):
    result = build(
        "version: 0.2\nenv: {exported-variables: [TAG]}\n"
        "phases: {install: {commands: [TAG=1, 'false']}}"
    )

    assert result.status == "FAILED"
    assert result.exported == {"TAG": "1"}


def test_secrets_and_aws_variables_are_never_exported(build):
    build.parameters = {"/token": "parameter-value"}
    build.secrets = {"id:key": "secret-value"}
    result = build(
        "version: 0.2\nenv:\n  exported-variables: [AWS_REGION, P, S, PROJECT, OPEN]\n"
        "  parameter-store: {P: /token}\n  secrets-manager: {S: 'id:key'}\n"
        "phases: {build: {commands: ['true']}}",
        environment={"AWS_REGION": "x", "PROJECT": "project-secret", "OPEN": "yes"},
        secrets=frozenset({"project-secret"}),
    )

    assert result.exported == {"OPEN": "yes"}
    assert "PROJECT is not exported" in build.log


def test_the_environment_is_not_on_the_disk(build, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    build(
        "version: 0.2\nphases: {build: {commands: "
        "['A=very-secret-value', 'grep -r \"$A\" .. || echo nowhere']}}",
        environment={"A": "other"},
    )

    # Only the command itself is there, for as long as it runs.
    assert build.output == ["nowhere"]
    assert [path.name for path in tmp_path.iterdir()] == ["src"]


def test_the_folder_of_the_scripts_is_private(build, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    build("version: 0.2\nphases: {build: {commands: ['stat -c %a ../codebuild-agent-*']}}")

    assert build.output == [f"{stat.S_IRWXU:o}"]


def test_a_build_does_not_show_its_secrets():
    shown = repr(
        Build(
            buildspec="",
            source=Path(),
            environment={"TOKEN": "hunter2"},
            machine={"TOKEN": "hunter2"},
            secrets=frozenset({"hunter2"}),
            timeout=1,
            parameter=str,
            secret=str,
        )
    )

    assert "hunter2" not in shown


@pytest.mark.parametrize("descriptor", range(3, 10))
def test_the_environment_does_not_reach_a_file_that_a_command_has_open(descriptor, build):
    result = build(
        "version: 0.2\nphases: {build: {commands: "
        f"['exec {descriptor}>lock; flock {descriptor}; TAG=1', 'echo $TAG']}}}}",
        environment={"TOKEN": "hunter2"},
    )

    assert result.status == "SUCCEEDED"
    assert (build.source / "lock").read_bytes() == b""
    assert build.output == ["1"]
