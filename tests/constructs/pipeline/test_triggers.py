from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline

from container_pipelines import (
    PullRequestTrigger,
    PushTrigger,
    Source,
)

Release = Callable[..., dict[str, Any]]


def test_triggers_stand_in_for_the_trigger_of_the_source(release: Release) -> None:
    pipeline = release(
        triggers=[
            PushTrigger(file_paths=["services/shop/**"], file_paths_excluded=["**/*.md"]),
            PushTrigger(branches=["release/*"], branches_excluded=["release/old"]),
            PushTrigger(tags=["v*"], tags_excluded=["v0.*"]),
            PullRequestTrigger(deploys_unmerged_code=True),
            PullRequestTrigger(
                deploys_unmerged_code=True,
                events=[codepipeline.GitPullRequestEvent.CLOSED],
                branches_excluded=["main"],
                file_paths=["a"],
                file_paths_excluded=["b"],
            ),
        ]
    )
    assert pipeline["Stages"]["Source"]["Actions"][0]["Configuration"]["DetectChanges"] is False
    assert pipeline["Triggers"] == [
        {
            "ProviderType": "CodeStarSourceConnection",
            "GitConfiguration": {
                "SourceActionName": "Source",
                "Push": [
                    {
                        "Branches": {"Includes": ["main"]},
                        "FilePaths": {"Includes": ["services/shop/**"], "Excludes": ["**/*.md"]},
                    },
                    {"Branches": {"Includes": ["release/*"], "Excludes": ["release/old"]}},
                    {"Tags": {"Includes": ["v*"], "Excludes": ["v0.*"]}},
                ],
                "PullRequest": [
                    {"Branches": {"Includes": ["main"]}, "Events": ["OPEN", "UPDATED"]},
                    {
                        "Branches": {"Excludes": ["main"]},
                        "FilePaths": {"Includes": ["a"], "Excludes": ["b"]},
                        "Events": ["CLOSED"],
                    },
                ],
            },
        }
    ]


@pytest.mark.parametrize(
    ("trigger", "rendered"),
    [
        (PushTrigger(), {"Branches": {"Includes": ["main"]}}),
        (PushTrigger(branches_excluded=["x"]), {"Branches": {"Excludes": ["x"]}}),
        (PushTrigger(tags_excluded=["x"]), {"Tags": {"Excludes": ["x"]}}),
    ],
)
def test_the_branch_is_the_sources_unless_something_else_is_named(
    release: Release, trigger: PushTrigger, rendered: dict[str, Any]
) -> None:
    (made,) = release(triggers=[trigger])["Triggers"]
    assert made["GitConfiguration"]["Push"] == [rendered]


def test_triggers_need_a_source_behind_a_connection(release: Release, stack: cdk.Stack) -> None:
    repository = codecommit.Repository.from_repository_name(stack, "Code", "my-app")
    with pytest.raises(ValueError, match=r"'controls.triggers' must be left out for .* 'main'"):
        release(Source.code_commit(repository=repository), triggers=[PushTrigger()])


def test_a_pull_request_starts_no_pipeline_that_does_not_say_so(release: Release) -> None:
    with pytest.raises(
        ValueError,
        match=r"'pull_request_trigger.deploys_unmerged_code' must be True for a pipeline that "
        r"deploys, got False: .* verify pull requests by a PullRequestPipeline, or say True",
    ):
        release(triggers=[PullRequestTrigger()])


def pull_request(**options: Any) -> PullRequestTrigger:
    return PullRequestTrigger(deploys_unmerged_code=True, **options)


def many(count: int) -> list[str]:
    return [f"p{number}" for number in range(count)]


@pytest.mark.parametrize("kind", [PushTrigger, pull_request])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"branches": many(9)}, r"\.branches' must hold at most 8 patterns, got 9; join"),
        ({"file_paths_excluded": many(9)}, r"\.file_paths_excluded' must hold at most 8"),
        ({"branches": ["a", "a"]}, r"\.branches' must name each pattern once, got 'a'"),
        ({"branches": [""]}, r"\.branches' must hold patterns of 1 to 255 characters"),
        ({"file_paths": ["x" * 256]}, r"\.file_paths' must hold patterns of 1 to 255"),
        ({"file_paths": ["a\nb"]}, r"\.file_paths' must hold patterns of 1 to 255"),
        ({"branches": "main"}, r"\.branches' must be a list of strings, .* write \['main'\]"),
        (
            {"branches": ["main"], "branches_excluded": ["main"]},
            r"\.branches_excluded' must not repeat .* 'branches' includes, got 'main' in both",
        ),
        (
            {"file_paths": ["b", "a"], "file_paths_excluded": ["a"]},
            r"\.file_paths_excluded' must not repeat .* got 'a' in both",
        ),
    ],
)
def test_bad_patterns_are_rejected(
    kind: Callable[..., object], options: dict[str, Any], message: str
) -> None:
    parameter = "push_trigger" if kind is PushTrigger else "pull_request_trigger"
    with pytest.raises(ValueError, match=f"'{parameter}{message}"):
        kind(**options)


@pytest.mark.parametrize("tags", [{"tags": ["v*"]}, {"tags_excluded": ["v*"]}])
@pytest.mark.parametrize(
    "other", ["branches", "branches_excluded", "file_paths", "file_paths_excluded"]
)
def test_tags_come_alone(tags: dict[str, Any], other: str) -> None:
    with pytest.raises(
        ValueError, match=f"tags' must come without branches and file paths, got {other} as well"
    ):
        PushTrigger(**tags, **{other: ["x"]})


@pytest.mark.parametrize("events", [[], [codepipeline.GitPullRequestEvent.OPEN] * 2])
def test_pull_request_events_are_named_once(events: list[Any]) -> None:
    with pytest.raises(
        ValueError, match=r"at least one event and each once, got (none|OPEN, OPEN)"
    ):
        PullRequestTrigger(deploys_unmerged_code=True, events=events)
