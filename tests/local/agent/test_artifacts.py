from pathlib import Path

import pytest

from local.agent.artifacts import compile_pattern


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def _run(build, artifacts: str, commands: str = "true"):
    return build(
        f"version: 0.2\nphases: {{build: {{commands: ['{commands}']}}}}\nartifacts:\n{artifacts}"
    )


@pytest.fixture
def tree(build):
    for path in (
        "app.json",
        ".env",
        "my-build1/my-file1.txt",
        "my-build2/my-file2.txt",
        "my-build2/my-subdirectory/my-file3.txt",
        "my-build2/my-subdirectory/.deep/x.map",
    ):
        file = build.source / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    return build


_ALL = {
    "app.json",
    ".env",
    "my-build1/my-file1.txt",
    "my-build2/my-file2.txt",
    "my-build2/my-subdirectory/my-file3.txt",
    "my-build2/my-subdirectory/.deep/x.map",
}


@pytest.mark.parametrize(
    ("artifacts", "files"),
    [
        ("  files: [app.json]", {"app.json"}),
        ("  files: ./app.json", {"app.json"}),
        ("  files: ['**/*']", _ALL),
        ("  files: ['*']", {"app.json", ".env"}),
        ("  files: ['my-build2/*']", {"my-build2/my-file2.txt"}),
        (
            "  files: ['my-build2/**/*']",
            {path for path in _ALL if path.startswith("my-build2/")},
        ),
        ("  files: ['**/my-file[12].txt']", {"my-build1/my-file1.txt", "my-build2/my-file2.txt"}),
        ("  files: ['{app,other}.json']", {"app.json"}),
        # The two examples of the reference.
        (
            "  files: ['*/my-file3.txt']\n  base-directory: my-build2",
            {"my-subdirectory/my-file3.txt"},
        ),
        (
            "  files: ['**/*.txt']\n  base-directory: 'my-build*'\n  discard-paths: yes",
            {"my-file1.txt", "my-file2.txt", "my-file3.txt"},
        ),
        (
            "  files: ['**/*']\n  base-directory: my-build2\n  exclude-paths: ['**/.deep/**']",
            {"my-file2.txt", "my-subdirectory/my-file3.txt"},
        ),
        # A path without a file is passed over as long as there is another one.
        ("  files: [missing.json, app.json]", {"app.json"}),
    ],
)
def test_files_of_an_artifact(artifacts, files, tree):
    result = _run(tree, artifacts)

    assert result.status == "SUCCEEDED"
    assert _files(result.artifacts) == files
    assert result.artifacts.parent == tree.source.parent
    assert f"Found {len(files)} file(s)" in tree.log


@pytest.mark.parametrize(
    ("artifacts", "message", "said"),
    [
        (
            "  files: [missing.json]",
            "no matching artifact paths found",
            "Skipping invalid file path missing.json",
        ),
        ("  files: ['*.missing']", "no matching artifact paths found", "Expanding *.missing"),
        ("  files: [my-build1]", "no matching artifact paths found", "invalid file path my-build1"),
        ("  files: [../secret]", "no matching artifact paths found", "invalid file path ../secret"),
        ("  files: [/etc/hostname]", "no matching artifact paths found", "path /etc/hostname"),
        (
            "  files: ['*']\n  exclude-paths: ['**']",
            "no matching artifact paths found",
            "Expanding *",
        ),
        (
            "  files: ['*']\n  base-directory: dist",
            "no matching base directory path found for dist",
            "Skipping invalid file path dist",
        ),
        (
            "  files: ['*']\n  base-directory: /etc",
            "no matching base directory path found for /etc",
            "Skipping invalid file path /etc",
        ),
        (
            "  files: ['*']\n  base-directory: ..",
            "no matching base directory path found for ..",
            "Skipping invalid file path ..",
        ),
        (
            "  files: ['*']\n  base-directory: 'dist*'",
            "no matching base directory path found for dist*",
            "Expanding dist*",
        ),
    ],
)
def test_an_artifact_without_files_fails(artifacts, message, said, tree):
    (tree.source.parent / "secret").write_text("x")
    result = _run(tree, artifacts)

    assert result.status == "FAILED"
    assert result.phases[-2].name == "UPLOAD_ARTIFACTS"
    assert result.phases[-2].message == f"CLIENT_ERROR: {message}"
    assert result.artifacts is None
    assert said in tree.log
    assert {path.name for path in tree.source.parent.iterdir()} == {"secret", "src"}


def test_a_failed_build_hands_over_what_there_is(tree):
    result = _run(tree, "  files: [app.json]", commands="false")

    assert result.status == "FAILED"
    assert _files(result.artifacts) == {"app.json"}


def test_paths_start_at_the_source_wherever_commands_went(tree):
    result = _run(tree, "  files: [made.json]", commands="echo 1 > made.json; cd my-build1")

    assert (result.artifacts / "made.json").read_text() == "1\n"


def test_secondary_artifacts(tree):
    result = _run(
        tree,
        "  files: ['*.json']\n  secondary-artifacts:\n"
        "    one: {files: ['**/*'], base-directory: my-build1}\n"
        "    two: {files: my-build2/my-file2.txt, discard-paths: yes}",
    )

    assert _files(result.artifacts) == {"app.json"}
    one, two = (result.secondary_artifacts[name] for name in ("one", "two"))
    assert _files(one) == {"my-file1.txt"}
    assert _files(two) == {"my-file2.txt"}


def test_a_secondary_artifact_alone(tree):
    result = _run(tree, "  secondary-artifacts: {one: {files: app.json}}")

    assert result.artifacts is None
    assert _files(result.secondary_artifacts["one"]) == {"app.json"}


def test_links_are_followed_and_circles_are_not(tree):
    (tree.source / "link.json").symlink_to("app.json")
    (tree.source / "circle").symlink_to(".")
    (tree.source / "dangling").symlink_to("nowhere")
    result = _run(tree, "  files: ['*', 'circle/app.json']")

    assert _files(result.artifacts) == {"app.json", ".env", "link.json", "circle/app.json"}
    assert not (result.artifacts / "link.json").is_symlink()


def test_links_within_can_be_kept(tree, tmp_path):
    (tmp_path / "outside").write_text("outside")
    (tree.source / "link.json").symlink_to("app.json")
    (tree.source / "out.json").symlink_to(tmp_path / "outside")
    result = _run(tree, "  files: ['*.json']\n  enable-symlinks: yes")

    assert (result.artifacts / "link.json").readlink() == Path("app.json")
    assert not (result.artifacts / "out.json").is_symlink()


def test_files_keep_their_mode(build):
    result = _run(build, "  files: [run.sh]", commands="echo > run.sh; chmod 750 run.sh")

    assert (result.artifacts / "run.sh").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "a", True),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("**/b", "b", True),
        ("**/b", "a/a/b", True),
        ("**/b", "ab", False),
        ("a/**/b", "a/b", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[!a]", "b", True),
        ("[!a]", "a", False),
        ("[!a]", "/", False),
        ("[a-c]x", "bx", True),
        ("a.b", "axb", False),
        ("{a*,b/c}.js", "b/c.js", True),
        ("[", "[", True),
        ("a{", "a{", True),
    ],
)
def test_patterns(pattern, path, matches):
    assert bool(compile_pattern(pattern).fullmatch(path)) is matches
