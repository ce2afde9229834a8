"""The scenarios: what is done, what is expected, and how it is seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from acceptance import alarm, source
from acceptance.cdk import CdkError
from acceptance.errors import UnexpectedError
from acceptance.pipelines import Ended, reason_of
from acceptance.run import Run, took
from acceptance.services import Live, short
from acceptance.traffic import Requests

_DNS_SECONDS: Final = 10 * 60.0
_BACK_SECONDS: Final = 15 * 60.0
_SHIFT_SECONDS: Final = 30 * 60.0
_SHIFTED: Final = ("PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A row of the table.

    Attributes
    ----------
    name
        What people call it.
    done
        What is done.
    expected
        What is expected.
    play
        Does it; returns what was seen, or raises `UnexpectedError` with it.
    """

    name: str
    done: str
    expected: str
    play: Callable[[Run], str]


def first_deployment(run: Run) -> str:
    """Deploy everything into an account that has none of it."""
    # First of all: an account to which AWS gives no CodeCommit is left as it was.
    for service in run.names.services:
        source.create_repository(run.aws, service, run.names.tags)
    alarm.create(run.aws, run.names)
    run.deploy()
    for service in run.names.services:
        live = run.services.live(service)
        if not live.is_recorded:
            raise UnexpectedError(f"{service}: {live}")
        _expect_answer(run, service)
    return (
        f"3 services run {short(live.pointer)} and answer, as {run.services.url(run.names.rolling)}"
    )


def release(run: Run) -> str:
    """Push a version of the rolling service."""
    return _rolls_forward(run, run.names.rolling)


def changed_setting(run: Run) -> str:
    """Deploy another value of an environment variable."""
    service = run.names.rolling
    before = run.services.live(service)
    run.deploy(setting="two")
    live = run.expect_live(service, before.pointer, run.word_of(before.pointer))
    return f"{live}; it answers {run.services.message(service)!r}"


def release_after_setting(run: Run) -> str:
    """Push another version after that."""
    return _rolls_forward(run, run.names.rolling)


def bad_image(run: Run) -> str:
    """Push a version that exits as soon as it has started."""
    service = run.names.rolling
    before = run.services.live(service)
    with Requests(run.services.url(service)) as requests:
        execution, _ = run.push(service, bad=True)
        ended = run.follow(service, execution)
    run.noted.circuit_breaker = _after_circuit_breaker(run, ended)
    return _expect_unchanged(run, service, before, ended, requests)


def failed_cdk_deploy(run: Run) -> str:
    """Deploy a setting with which the application does not start."""
    service = run.names.rolling
    before = run.services.live(service)
    try:
        run.deploy(broken=True)
    except CdkError:
        pass
    else:
        raise UnexpectedError("cdk deploy succeeded with a setting that keeps tasks from starting")
    begun = run.progress.clock()

    def look() -> Live | None:
        live = run.services.live(service)
        run.progress.note(f"after the failed cdk deploy {live}")
        back = live.images == {before.pointer} and run.pipelines.running(service) is None
        return live if back else None

    try:
        run.progress.until(look, what="the live image runs again", seconds=_BACK_SECONDS)
    except UnexpectedError:
        raise UnexpectedError(f"cdk deploy failed; {run.services.live(service)}") from None
    minutes = (run.progress.clock() - begun) / 60
    live = run.expect_live(service, before.pointer, run.word_of(before.pointer))
    return f"cdk deploy failed; {minutes:.1f} min later {live}"


def rollback_command(run: Run) -> str:
    """Start the pipeline with ``IMAGE=previous``."""
    service = run.names.rolling
    pointer = f"{run.names.pointer(service)}-previous"
    previous = run.aws("ssm").get_parameter(Name=pointer)["Parameter"]["Value"]
    with Requests(run.services.url(service)) as requests:
        execution = run.pipelines.start(service, IMAGE="previous")
        ended = run.follow(service, execution)
    _expect_success(ended, requests)
    live = run.expect_live(service, previous, run.word_of(previous))
    return f"{ended.status}; {live}; {requests}"


def blue_green_forward(run: Run) -> str:
    """Push a version of the blue/green service."""
    return _rolls_forward(run, run.names.blue_green, note=_after_bake)


def blue_green_back(run: Run) -> str:
    """Push a version of the blue/green service, and let its alarm go off under way."""
    service = run.names.blue_green
    before, rules = run.services.live(service), run.services.rules()
    known = (run.services.deployment(service) or {}).get("serviceDeploymentArn")

    def shifted() -> str | None:
        deployment = run.services.deployment(service) or {}
        if deployment.get("serviceDeploymentArn") == known:
            run.progress.note("the deployment is to begin")
            return None
        stage = str(deployment.get("lifecycleStage", deployment["status"]))
        run.progress.note(f"the deployment is in {stage}")
        if "IN_PROGRESS" not in deployment["status"] and deployment["status"] != "PENDING":
            raise UnexpectedError(f"the deployment was over before its traffic moved: {stage}")
        return stage if stage in _SHIFTED else None

    with Requests(run.services.url(service)) as requests:
        execution, _ = run.push(service)
        stage = run.progress.until(shifted, what="the shift of traffic", seconds=_SHIFT_SECONDS)
        alarm.go_off(run.aws, run.names)
        try:
            ended = run.follow(service, execution)
        finally:
            alarm.calm(run.aws, run.names)
    seen = _expect_unchanged(run, service, before, ended, requests)

    def as_before() -> bool | None:
        return True if run.services.rules() == rules else None

    try:
        run.progress.until(as_before, what="the rules as before", seconds=_BACK_SECONDS)
    except UnexpectedError:
        changes = _changes(rules, run.services.rules())
        raise UnexpectedError(f"the listener's rules are not as before: {changes}") from None
    return f"alarm in {stage}; {seen}; the listener's rules are as before"


def code_deploy_forward(run: Run) -> str:
    """Push a version of the service whose traffic CodeDeploy shifts."""
    before = run.services.rules()
    seen = _rolls_forward(run, run.names.code_deploy)
    run.noted.rules = _changes(before, run.services.rules())
    return seen


SCENARIOS: Final = (
    Scenario(
        "first deployment",
        "three CodeCommit repositories, `cdk deploy --all`",
        "the services run the seed image and answer",
        first_deployment,
    ),
    Scenario(
        "release",
        "a commit by `CreateCommit`",
        "the built digest runs in all tasks and is recorded; no request failed",
        release,
    ),
    Scenario(
        "changed setting",
        "`cdk deploy` with another environment variable",
        "the live image stays, with the new setting",
        changed_setting,
    ),
    Scenario(
        "release after it",
        "another commit",
        "the new digest runs, and the setting stays; no request failed",
        release_after_setting,
    ),
    Scenario(
        "bad image",
        "a commit whose container exits at its start",
        "the release fails with a reason; the live image stays; no request failed",
        bad_image,
    ),
    Scenario(
        "failed `cdk deploy`",
        "`cdk deploy` with a setting that keeps the container from starting",
        "it fails, and the live image is released again by itself",
        failed_cdk_deploy,
    ),
    Scenario(
        "rollback command",
        "`start-pipeline-execution` with `IMAGE=previous`",
        "the image before runs and is recorded; no request failed",
        rollback_command,
    ),
    Scenario(
        "blue/green forward",
        "a commit; ECS shifts half of the traffic, and a minute later the rest",
        "the built digest runs in all tasks and is recorded; no request failed",
        blue_green_forward,
    ),
    Scenario(
        "blue/green back",
        "a commit; the service's alarm goes off while traffic is shifted",
        "the release fails; live image and listener rules are as before; no request failed",
        blue_green_back,
    ),
    Scenario(
        "blue/green by CodeDeploy",
        "a commit; CodeDeploy shifts the traffic at once",
        "the built digest runs in all tasks and is recorded; no request failed",
        code_deploy_forward,
    ),
)


def _expect_answer(run: Run, service: str) -> None:
    def look() -> bool | None:
        answer = run.services.message(service)
        run.progress.note(f"{service} answers {answer.strip()[:60]!r}")
        # How a failure is said: by its status or its want of one.
        return None if answer[:3].isdigit() or answer.startswith("no answer") else True

    run.progress.until(look, what=f"an answer of {service}", seconds=_DNS_SECONDS)


def _rolls_forward(run: Run, service: str, note: Callable[[Run, Ended], None] | None = None) -> str:
    with Requests(run.services.url(service)) as requests:
        execution, word = run.push(service)
        ended = run.follow(service, execution)
        if note is not None:
            note(run, ended)
    _expect_success(ended, requests)
    live = run.expect_live(service, ended.variable("Build", "IMAGE_URI"), word)
    return f"{ended.status}; {live}; {requests}"


def _expect_success(ended: Ended, requests: Requests) -> None:
    if ended.status != "Succeeded":
        raise UnexpectedError(f"{ended.status}: {ended.reason}; {requests}")
    _expect_no_failure(requests)


def _expect_no_failure(requests: Requests) -> None:
    if requests.failures:
        raise UnexpectedError(str(requests))


def _expect_unchanged(
    run: Run, service: str, before: Live, ended: Ended, requests: Requests
) -> str:
    if ended.status != "Failed":
        raise UnexpectedError(f"the release ended as {ended.status}")
    live = run.expect_live(service, before.pointer, run.word_of(before.pointer))
    _expect_no_failure(requests)
    return f"{ended.reason or 'Failed without a reason'}; {live}; {requests}"


def _after_circuit_breaker(run: Run, ended: Ended) -> str:
    """Say how the deploy action ended in relation to ECS's rollback."""
    action = ended.action("Deploy")
    if action is None:
        return ""
    seen = f"the action ended as {action['status']} after {took(action):.0f} s"
    deployment = run.services.deployment(run.names.rolling) or {}
    rolled_back = deployment.get("rollback", {}).get("startedAt")
    if rolled_back:
        later = (action["lastUpdateTime"] - rolled_back).total_seconds()
        seen += f", {later:.0f} s after ECS had begun to roll back"
    return f"{seen}; it says: {reason_of(action).strip()[:300]!r}"


def _after_bake(run: Run, ended: Ended) -> None:
    """Note how the deploy action ended in relation to the bake time."""
    action, deployment = ended.action("Deploy"), run.services.deployment(run.names.blue_green)
    if action is None or deployment is None:
        return
    seen = f"the action ended as {action['status']} after {took(action):.0f} s"
    finished = deployment.get("finishedAt")
    if finished is None:
        stage = deployment.get("lifecycleStage", deployment["status"])
        seen += f"; ECS's deployment was in {stage} then, so it did not wait for the bake time"
    else:
        later = (action["lastUpdateTime"] - finished).total_seconds()
        order = "after" if later >= 0 else "before"
        seen += f", {abs(later):.0f} s {order} ECS's deployment with its bake time"
    run.noted.bake = seen


def _changes(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> str:
    """Say which rules have changed, and how their weights have."""
    said = [
        f"{'default action' if ':listener/' in arn else 'rule'} {arn.rpartition('/')[2][-4:]} "
        f"from {_weights(before.get(arn, {}))} to {_weights(weights)}"
        for arn, weights in after.items()
        if weights != before.get(arn)
    ]
    return f"{len(said)} of {len(after)} changed: {'; '.join(said)}" if said else "none changed"


def _weights(weights: Mapping[str, int]) -> str:
    said = [f"{arn.rpartition('/')[2][-4:]}={weight}" for arn, weight in sorted(weights.items())]
    return ", ".join(said) or "no groups"
