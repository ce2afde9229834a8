import pytest

from local.agent import BuildspecError
from local.agent.buildspec import parse

_PHASES = "\nphases: {build: {commands: [make]}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 0.2\nphases: [", "The buildspec is not YAML: .* at line 2, column 10$"),
        (
            "version: 0.2\nphases: {build: !!python/name:os.system }",
            "not YAML: could not determine a constructor .* at line 2",
        ),
        ("version: 0.2\nphases: \0", "not YAML: it has characters that YAML does not allow"),
        ("", "must be a mapping"),
        ("- build", "must be a mapping"),
        ("phases: {build: {commands: [make]}}", "^version is missing at line 1"),
        ("version: 0.1" + _PHASES, "^version must be 0.2.* at line 1"),
        ("version: 0.2", "^phases is missing at line 1"),
        ("version: 0.2\nphases:\n  deploy: {commands: [x]}", "^phases.deploy is unknown at line 3"),
        ("version: 0.2\nphases:\n  build: {}", "^phases.build.commands is missing at line 3"),
        ("version: 0.2\nphases:\n  build: make", "^phases.build must be a mapping at line 3"),
        (
            "version: 0.2\nphases:\n  build:\n    commands:\n      - make\n      - echo Time: now",
            r"^phases.build.commands\[1\] must be a string: quote it .* at line 6",
        ),
        (
            "version: 0.2\nphases:\n  build:\n    commands: {a: b}",
            "^phases.build.commands must be a list at line 4",
        ),
        (
            "version: 0.2\nphases:\n  build:\n    on-failure: STOP\n    commands: [x]",
            "^phases.build.on-failure must be ABORT, CONTINUE, RETRY.* at line 4",
        ),
        (
            "version: 0.2\nphases: {build: {on-failure: RETRY-101, commands: [x]}}",
            "can retry 100 times at most",
        ),
        (
            "version: 0.2\nphases: {build: {on-failure: 'RETRY-2-(', commands: [x]}}",
            "has a wrong regular expression",
        ),
        ("version: 0.2\nbatch: {fast-fail: true}" + _PHASES, "^batch is not supported"),
        ("version: 0.2\nenv: {shell: powershell.exe}" + _PHASES, "^env.shell must be bash or"),
        (
            "version: 0.2\nenv:\n  variables:\n    A-B: x" + _PHASES,
            "^env.variables.A-B is no name of an environment variable at line 4",
        ),
        ("version: 0.2\nartifacts: {name: x}" + _PHASES, "^artifacts must have files at line 2"),
        (
            "version: 0.2\nartifacts: {files: [a], discard-paths: maybe}" + _PHASES,
            "^artifacts.discard-paths should be a valid boolean.* at line 2",
        ),
        (
            "version: 0.2\nsecondary-artifacts: {a: {files: [b]}}" + _PHASES,
            "^secondary-artifacts is unknown at line 2",
        ),
        ("version: 0.2\nreports: {unit: {}}" + _PHASES, "^reports.unit.files is missing at line 2"),
    ],
)
def test_what_is_wrong_is_reported_with_its_place(text, message):
    with pytest.raises(BuildspecError, match=message):
        parse(text)


@pytest.mark.parametrize("variables", ["{A: {B: hunter2}}", "{A: hunter2", "{A: [hunter2]}"])
def test_an_error_does_not_repeat_values(variables):
    with pytest.raises(BuildspecError) as raised:
        parse(f"version: 0.2\nenv: {{variables: {variables}}}" + _PHASES)

    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_wrong_buildspec_fails_the_download(build):
    result = build("version: 0.2\nphases:\n  deploy: {commands: [echo never]}")

    assert result.status == "FAILED"
    assert [phase.name for phase in result.phases] == ["DOWNLOAD_SOURCE", "FINALIZING"]
    assert result.phases[0].message == "YAML_FILE_ERROR: phases.deploy is unknown at line 3"
    assert "Phase context status code: YAML_FILE_ERROR Message: phases.deploy" in build.log
    assert build.output == []


def test_all_that_the_reference_knows_is_understood():
    spec = parse(
        """
version: 0.2
run-as: builder
env:
  shell: bash
  variables: {A: "1"}
  parameter-store: {B: /b}
  secrets-manager: {C: "id:key:AWSCURRENT:"}
  exported-variables: [A]
  git-credential-helper: yes
proxy: {upload-artifacts: yes, logs: no}
phases:
  install:
    run-as: root
    on-failure: CONTINUE
    runtime-versions: {nodejs: 20, java: latest}
  pre_build: {commands: [a], finally: [b]}
  build: {commands: single}
  post_build: {commands: [true, 5, |
    lines]}
reports:
  unit: {files: ["**/*"], base-directory: out, discard-paths: no, file-format: CUCUMBERJSON}
artifacts:
  files: ["**/*"]
  name: app-$(date +%F)
  discard-paths: no
  base-directory: dist
  exclude-paths: ["**/*.map"]
  enable-symlinks: yes
  s3-prefix: out
  secondary-artifacts: {docs: {files: docs/*, name: docs}}
cache: {key: k, fallback-keys: [f], action: save, paths: [/root/.npm/**/*]}
""".replace("|\n    lines", "'a: b'")
    )

    assert spec.phases.build.commands == ("single",)
    assert spec.phases.post_build.commands == ("true", "5", "a: b")
    assert spec.phases.install.runtime_versions == {"nodejs": "20", "java": "latest"}
    assert spec.artifacts.secondary_artifacts["docs"].files == ("docs/*",)
    assert spec.artifacts.enable_symlinks
    assert not spec.reports["unit"].discard_paths
    assert spec.cache.paths == ("/root/.npm/**/*",)


def test_anchors_and_merge_keys_work():
    spec = parse(
        "version: 0.2\nphases:\n  pre_build: &again\n    commands: [echo]\n"
        "  build:\n    <<: *again\n    finally: [end]"
    )

    assert spec.phases.build.commands == ("echo",)
    assert spec.phases.build.finally_ == ("end",)


@pytest.mark.parametrize(
    ("written", "retries", "pattern"),
    [
        ("RETRY", 3, ""),
        ("RETRY-7", 7, ""),
        ("RETRY-.*Error: no image.*", 3, ".*Error: no image.*"),
        ("RETRY-2-5\\d\\d", 2, "5\\d\\d"),
    ],
)
def test_forms_of_retry(written, retries, pattern):
    spec = parse(f"version: 0.2\nphases: {{build: {{on-failure: '{written}', commands: [x]}}}}")

    on_failure = spec.phases.build.on_failure
    assert (on_failure.retries, on_failure.pattern.pattern) == (retries, pattern)


def test_what_is_ignored_is_said(build):
    result = build(
        """
version: 0.2
env: {git-credential-helper: yes}
proxy: {logs: yes}
phases:
  install: {runtime-versions: {nodejs: 20}}
reports: {unit: {files: out.xml}}
cache: {paths: [node_modules]}
"""
    )

    assert result.status == "SUCCEEDED"
    for said in (
        "Ignoring git-credential-helper",
        "Ignoring proxy",
        "Skipping install of runtimes",
        "Not caching node_modules",
    ):
        assert said in build.log
