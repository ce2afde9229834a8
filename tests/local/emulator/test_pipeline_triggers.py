"""Triggers: pushes of branches and tags, pull requests, and what they start."""

import secrets
from typing import Any

import pytest

from local.emulator.pipelines.globs import compiled, matches
from tests.local.emulator.delivery import source
from tests.local.emulator.driver import Emulator, eventually, packed
from tests.local.emulator.pipeline import Inbox, Pipeline, approvals

FILES = {"service/a": "1", "docs/a": "1"}


def triggered(
    emulator: Emulator, resources: dict[str, Any] | None = None, **filters: Any
) -> Pipeline:
    """Deploy a pipeline with these ``Push`` and ``PullRequest`` filters."""
    repository = emulator.new_name("org/code")
    git = {"SourceActionName": "Source", **filters}
    trigger = {"ProviderType": "CodeStarSourceConnection", "GitConfiguration": git}
    pipeline = approvals(
        emulator,
        source=source(repository, DetectChanges="false"),
        Triggers=[trigger],
        resources=resources,
    )
    pipeline.repository = repository
    return pipeline


def push(pipeline: Pipeline, files: Any = None, **query: str) -> list[str]:
    return pipeline.emulator.push(
        pipeline.repository, files or {"a": secrets.token_hex()}, **query
    )[1]


def tag(pipeline: Pipeline, name: str, commit: str) -> list[str]:
    """Tag a commit that was pushed before."""
    status, answer = pipeline.emulator.local(
        "POST", "push", repository=pipeline.repository, commit=commit, tag=name
    )
    assert status == 200, answer
    found: list[str] = answer["executions"]
    return found


def pull_request(pipeline: Pipeline, event: str = "OPEN", **query: str) -> list[str]:
    wanted = {"source": "feature", "destination": "main", **query}
    status, answer = pipeline.emulator.local(
        "POST", "pull-request", repository=pipeline.repository, event=event, **wanted
    )
    assert status == 200, answer
    found: list[str] = answer["executions"]
    return found


def variables(pipeline: Pipeline, execution: str) -> dict[str, str]:
    def found() -> dict[str, str]:
        actions = pipeline.actions(execution)
        output: dict[str, str] = actions.get("Source", {}).get("output", {})["outputVariables"]
        return output

    shown: dict[str, str] = eventually(lambda: pipeline.actions(execution) and found())
    return shown


def test_tags_start_pipelines_that_wait_for_tags(emulator: Emulator) -> None:
    filters = [{"Tags": {"Includes": ["v*"], "Excludes": ["v*-rc*"]}}]
    pipeline = triggered(emulator, Inbox.resources, Push=filters)
    commit, started = emulator.push(pipeline.repository, {"a": "b"})
    assert started == []
    assert tag(pipeline, "nightly", commit) == []
    assert tag(pipeline, "v1-rc1", commit) == []
    (execution,) = tag(pipeline, "v1", commit)
    shown = variables(pipeline, execution)
    assert (shown["TagName"], shown["CommitId"]) == ("v1", commit)
    assert "BranchName" not in shown
    assert pipeline.execution(execution)["trigger"] == {
        "triggerType": "WebhookV2",
        "triggerDetail": pipeline.connection,
    }
    inbox = Inbox(pipeline)
    eventually(lambda: inbox.of(execution, "Pipeline"))
    reported = inbox.of(execution, "Pipeline")[0]["execution-trigger"]
    assert (reported["tag-name"], reported["commit-id"]) == ("v1", commit)
    assert reported["connection-arn"] == pipeline.connection
    assert "branch-name" not in reported


def test_a_tag_can_come_with_its_commit_with_or_without_a_branch(emulator: Emulator) -> None:
    pipeline = triggered(emulator, Push=[{"Tags": {"Includes": ["v*"]}}])
    (execution,) = push(pipeline, tag="v1")
    assert pipeline.token("Gate", execution)
    commit = secrets.token_hex(20)
    status, answer = emulator.local(
        *("POST", "push", packed({"a": "b"})),
        repository=pipeline.repository,
        commit=commit,
        tag="v2",
    )
    assert status == 200
    (loose,) = answer["executions"]
    assert variables(pipeline, loose)["CommitId"] == commit


def test_a_tag_of_an_unknown_commit_is_refused(emulator: Emulator) -> None:
    status, answer = emulator.local(
        "POST", "push", repository="org/nothing", commit="a" * 40, tag="v1"
    )
    assert status == 400
    assert "has no commit" in answer["message"]


def test_a_push_trigger_takes_the_branch_that_was_pushed(emulator: Emulator) -> None:
    filters = [{"Branches": {"Includes": ["release/**"]}}]
    pipeline = triggered(emulator, Push=filters)
    main, started = emulator.push(pipeline.repository, {"a": "main"})
    assert started == []
    commit, (execution,) = emulator.push(pipeline.repository, {"a": "r"}, branch="release/1")
    shown = variables(pipeline, execution)
    assert (shown["BranchName"], shown["CommitId"]) == ("release/1", commit)
    # By hand it is the branch of the action.
    shown = variables(pipeline, pipeline.start())
    assert (shown["BranchName"], shown["CommitId"]) == ("main", main)


def test_the_same_commit_on_two_branches_is_taken_from_the_one_pushed(emulator: Emulator) -> None:
    pipeline = triggered(emulator, Push=[{"Branches": {"Includes": ["two"]}}])
    commit = "d" * 40
    for branch in ("one", "two"):
        _, answer = emulator.local(
            *("POST", "push", packed({"a": "b"})),
            repository=pipeline.repository,
            branch=branch,
            commit=commit,
        )
    (execution,) = answer["executions"]
    assert variables(pipeline, execution)["BranchName"] == "two"


def test_file_paths_are_those_that_the_push_changed(emulator: Emulator) -> None:
    filters = [
        {
            "Branches": {"Includes": ["main"]},
            "FilePaths": {"Includes": ["service/**"], "Excludes": ["**/README.md"]},
        }
    ]
    pipeline = triggered(emulator, Push=filters)
    assert push(pipeline, {"docs/a": "1"}) == []  # a first push changes all that it has
    assert push(pipeline, FILES)
    assert push(pipeline, FILES | {"docs/a": "2"}) == []
    assert push(pipeline, FILES | {"docs/a": "2", "service/README.md": "1"}) == []
    assert push(pipeline, {"docs/a": "2", "service/README.md": "1"})  # service/a is removed


def test_of_several_filters_one_is_enough(emulator: Emulator) -> None:
    pipeline = triggered(
        emulator,
        Push=[{"Branches": {"Excludes": ["main", "fix/*"]}}, {"Tags": {"Includes": ["v?"]}}],
    )
    assert push(pipeline) == []
    assert push(pipeline, branch="fix/1") == []
    assert len(push(pipeline, branch="other")) == 1
    assert len(push(pipeline, tag="v1")) == 1
    assert push(pipeline, tag="v10") == []
    # A branch and a tag that come together are two events.
    assert len(push(pipeline, branch="other", tag="v2")) == 2


def test_pull_requests_start_with_their_own_commit(emulator: Emulator) -> None:
    filters = [
        {
            "Events": ["OPEN", "UPDATED"],
            "Branches": {"Includes": ["main"]},
            "FilePaths": {"Includes": ["service/**"]},
        }
    ]
    pipeline = triggered(emulator, PullRequest=filters)
    assert push(pipeline, FILES) == []
    commit, started = emulator.push(
        pipeline.repository, FILES | {"service/a": "2"}, branch="feature"
    )
    assert started == []
    for event in ("OPEN", "UPDATED"):
        (execution,) = pull_request(pipeline, event)
        shown = variables(pipeline, execution)
        assert (shown["CommitId"], shown["BranchName"]) == (commit, "feature")
        assert pipeline.execution(execution)["trigger"]["triggerType"] == "WebhookV2"
    assert pull_request(pipeline, "CLOSED") == []
    push(pipeline, FILES, branch="next")
    assert pull_request(pipeline, destination="next") == []
    push(pipeline, FILES | {"docs/a": "2"}, branch="docs")
    assert pull_request(pipeline, source="docs") == []


def test_without_events_a_pull_request_filter_takes_all(emulator: Emulator) -> None:
    pipeline = triggered(emulator, PullRequest=[{"Branches": {"Includes": ["main"]}}])
    push(pipeline)
    push(pipeline, branch="feature")
    for event in ("OPEN", "UPDATED", "CLOSED"):
        assert len(pull_request(pipeline, event)) == 1


def test_a_trigger_without_filters_waits_for_the_action_s_branch(emulator: Emulator) -> None:
    pipeline = triggered(emulator)
    assert push(pipeline, branch="other") == []
    assert len(push(pipeline)) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"event": "MERGED"}, "OPEN, UPDATED, CLOSED"),
        ({"event": "OPEN", "source": "gone"}, "source branch 'gone'"),
        ({"event": "OPEN", "destination": "gone"}, "destination branch 'gone'"),
        ({}, "event is missing"),
    ],
)
def test_a_wrong_pull_request_is_refused(
    emulator: Emulator, query: dict[str, str], message: str
) -> None:
    repository = emulator.new_name("org/wrong")
    emulator.push(repository, {"a": "b"})
    wanted = {"repository": repository, "source": "main", "destination": "main", **query}
    status, answer = emulator.local("POST", "pull-request", **wanted)
    assert status == 400
    assert message in answer["message"]


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [
        ("main", "main", True),
        ("main", "mainline", False),
        ("main*", "mainline", True),
        ("main*", "main/x", False),
        ("release/**", "release/1/a", True),
        ("**/README.md", "README.md", True),
        ("**/README.md", "a/b/README.md", True),
        ("a/**/b", "a/b", True),
        ("foo.?", "foo.a", True),
        ("foo.?", "foo./", False),
        ("*.{java,class}", "a.class", True),
        ("*.{java,class}", "a.py", False),
        ("{feature,fix/*}/x", "fix/1/x", True),
        ("v[0-9]", "v1", True),
        ("v[!0-9]", "v1", False),
        ("v[.]", "va", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
    ],
)
def test_glob_patterns(pattern: str, name: str, does: bool) -> None:
    assert matches(pattern, name) is does


@pytest.mark.parametrize("pattern", ["[a", "a]", "{a", "a}", "{a{b}}", "a\\"])
def test_broken_glob_patterns(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no glob pattern"):
        compiled(pattern)
