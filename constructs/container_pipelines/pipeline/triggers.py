"""Which pushes and pull requests start a pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_codepipeline as codepipeline

from container_pipelines._checks import is_token
from container_pipelines._types import checked

# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitBranchFilterCriteria.html
_MOST_PATTERNS: Final = 8
_LONGEST_PATTERN: Final = 255
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitConfiguration.html
_MOST_OF_A_KIND: Final = 3


@checked("push_trigger")
@dataclass(frozen=True, slots=True, kw_only=True)
class PushTrigger:
    """Start the pipeline when something is pushed that matches.

    What is pushed is built and deployed with the credentials of a release, from whatever branch it
    comes: name branches and tags only that the code host protects as it does the source's own.

    Patterns are globs: ``*`` stays within one part of a path, ``**`` crosses parts,
    ``{one,other}`` is either. Of one list one match is enough, of several lists each must match.

    Parameters
    ----------
    branches
        The branches. The source's own branch by default, unless tags are given or branches are
        excluded.
    branches_excluded
        Branches that do not count.
    tags
        Tags, for releases by tag. A trigger of tags has neither branches nor file paths.
    tags_excluded
        Tags that do not count.
    file_paths
        Files of which one must have changed, from the repository's root; for a repository with
        several services.
    file_paths_excluded
        Files that do not count.

    Raises
    ------
    ValueError
        If a list is too long, a pattern is empty, too long, named twice or both included and
        excluded, or tags come with branches or file paths.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html
    https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html
    """

    branches: Sequence[str] = ()
    branches_excluded: Sequence[str] = ()
    tags: Sequence[str] = ()
    tags_excluded: Sequence[str] = ()
    file_paths: Sequence[str] = ()
    file_paths_excluded: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("branches", "tags", "file_paths"):
            _freeze_patterns(self, "push_trigger", name)
        others = [
            name
            for name in ("branches", "branches_excluded", "file_paths", "file_paths_excluded")
            if getattr(self, name)
        ]
        if (self.tags or self.tags_excluded) and others:
            raise ValueError(
                f"'push_trigger.tags' must come without branches and file paths, got "
                f"{', '.join(others)} as well; make two triggers of it"
            )

    def push_filter(self, branch: str) -> codepipeline.GitPushFilter:
        """Render the trigger.

        Parameters
        ----------
        branch
            The source's branch.

        Returns
        -------
        codepipeline.GitPushFilter
            The filter.
        """
        named = self.branches or self.branches_excluded or self.tags or self.tags_excluded
        return codepipeline.GitPushFilter(
            branches_includes=list(self.branches) if named else [branch],
            branches_excludes=list(self.branches_excluded),
            tags_includes=list(self.tags),
            tags_excludes=list(self.tags_excluded),
            file_paths_includes=list(self.file_paths),
            file_paths_excludes=list(self.file_paths_excluded),
        )


@checked("pull_request_trigger")
@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestTrigger:
    """Start the pipeline by a pull request that matches.

    The execution takes the commit of the pull request's branch, which nobody has merged. To verify
    it is what a :class:`PullRequestPipeline` is for. A pipeline that deploys refuses the trigger,
    unless it says so: it would **build and deploy what is not merged**, with the credentials of a
    release. That is for pipelines to a test environment, which have their own service, build and
    repository: the build's role may push any image, and the layer cache that later builds read,
    into its repository.

    Parameters
    ----------
    deploys_unmerged_code
        Says that the pipeline is one to a test environment; for pipelines that deploy.
    events
        What happens to the pull request: it is opened and updated by default. ``CLOSED`` is closed
        or merged.
    branches
        The destination branches; by default the source's own, unless branches
        are excluded.
    branches_excluded
        Branches that do not count.
    file_paths
        Files of which one must have changed, from the repository's root.
    file_paths_excluded
        Files that do not count.

    Raises
    ------
    ValueError
        If there is no event or one twice, a list is too long, or a pattern is empty, too long,
        named twice or both included and excluded.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html
    """

    deploys_unmerged_code: bool = False
    events: Sequence[codepipeline.GitPullRequestEvent] = (
        codepipeline.GitPullRequestEvent.OPEN,
        codepipeline.GitPullRequestEvent.UPDATED,
    )
    branches: Sequence[str] = ()
    branches_excluded: Sequence[str] = ()
    file_paths: Sequence[str] = ()
    file_paths_excluded: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", tuple(self.events))
        for name in ("branches", "file_paths"):
            _freeze_patterns(self, "pull_request_trigger", name)
        if not self.events or len(set(self.events)) < len(self.events):
            raise ValueError(
                f"'pull_request_trigger.events' must name at least one event and each once, got "
                f"{', '.join(event.name for event in self.events) or 'none'}; omit it for opened "
                f"and updated pull requests"
            )

    def pull_request_filter(self, branch: str) -> codepipeline.GitPullRequestFilter:
        """Render the trigger.

        Parameters
        ----------
        branch
            The source's branch.

        Returns
        -------
        codepipeline.GitPullRequestFilter
            The filter.
        """
        named = self.branches or self.branches_excluded
        return codepipeline.GitPullRequestFilter(
            events=list(self.events),
            branches_includes=list(self.branches) if named else [branch],
            branches_excludes=list(self.branches_excluded),
            file_paths_includes=list(self.file_paths),
            file_paths_excludes=list(self.file_paths_excluded),
        )


def check_triggers(triggers: Sequence[PushTrigger | PullRequestTrigger]) -> None:
    """Reject what cannot start a pipeline that deploys.

    Parameters
    ----------
    triggers
        The triggers of a pipeline.

    Raises
    ------
    ValueError
        If there are more of a kind than one source action can have, or one of pull requests does
        not say that it deploys unmerged code.
    """
    if any(isinstance(t, PullRequestTrigger) and not t.deploys_unmerged_code for t in triggers):
        raise ValueError(
            "'pull_request_trigger.deploys_unmerged_code' must be True for a pipeline that "
            "deploys, got False: it would deploy the pull request's own commit, and its build "
            "would write the repository and the layer cache, before anybody has merged it; verify "
            "pull requests by a PullRequestPipeline, or say True for a pipeline to a test "
            "environment whose service, build and repository are its own"
        )
    for kind in (PushTrigger, PullRequestTrigger):
        if (count := sum(isinstance(trigger, kind) for trigger in triggers)) > _MOST_OF_A_KIND:
            raise ValueError(
                f"'controls.triggers' must hold at most {_MOST_OF_A_KIND} of {kind.__name__}, got "
                f"{count}; name more patterns in one trigger"
            )


def add_triggers(
    pipeline: codepipeline.Pipeline,
    source: codepipeline.IAction,
    triggers: Sequence[PushTrigger | PullRequestTrigger],
    branch: str,
) -> None:
    """Add the triggers to a pipeline.

    Parameters
    ----------
    pipeline
        The pipeline.
    source
        Its source action, behind a connection.
    triggers
        The triggers; with none nothing is added.
    branch
        The source's branch.
    """
    if not triggers:
        return
    # CodePipeline takes one trigger for a source action, with all filters in it.
    pipeline.add_trigger(
        provider_type=codepipeline.ProviderType.CODE_STAR_SOURCE_CONNECTION,
        git_configuration=codepipeline.GitConfiguration(
            source_action=source,
            push_filter=[t.push_filter(branch) for t in triggers if isinstance(t, PushTrigger)],
            pull_request_filter=[
                t.pull_request_filter(branch) for t in triggers if isinstance(t, PullRequestTrigger)
            ],
        ),
    )


def _freeze_patterns(trigger: object, parameter: str, name: str) -> None:
    """Check a list of patterns and its exceptions, and keep them from changing later."""
    for field in (name, f"{name}_excluded"):
        patterns = getattr(trigger, field)
        object.__setattr__(trigger, field, tuple(patterns))
        _check_patterns(f"{parameter}.{field}", tuple(patterns))
    included, excluded = getattr(trigger, name), getattr(trigger, f"{name}_excluded")
    if both := sorted(set(included) & set(excluded)):
        raise ValueError(
            f"'{parameter}.{name}_excluded' must not repeat what '{name}' includes, got "
            f"'{both[0]}' in both; exclusion wins, so drop it from one of them"
        )


def _check_patterns(parameter: str, patterns: tuple[str, ...]) -> None:
    if len(patterns) > _MOST_PATTERNS:
        raise ValueError(
            f"'{parameter}' must hold at most {_MOST_PATTERNS} patterns, got {len(patterns)}; join "
            f"some with '*' or '{{one,other}}', or make another trigger"
        )
    for pattern in patterns:
        if patterns.count(pattern) > 1:
            raise ValueError(
                f"'{parameter}' must name each pattern once, got '{pattern}' more than once; drop "
                f"the repetition"
            )
        if is_token(pattern):
            continue
        if not pattern.strip() or len(pattern) > _LONGEST_PATTERN or "\n" in pattern:
            raise ValueError(
                f"'{parameter}' must hold patterns of 1 to {_LONGEST_PATTERN} characters on one "
                f"line, got '{pattern}'; write a glob such as 'services/shop/**'"
            )
