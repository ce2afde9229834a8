"""What scenarios and questions work with, and what they note for one another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from acceptance import application, delivery, source
from acceptance.aws import Aws, code_of
from acceptance.cdk import Cdk
from acceptance.errors import UnexpectedError
from acceptance.names import Names
from acceptance.pipelines import Ended, Pipelines
from acceptance.progress import Progress
from acceptance.services import Live, Services, short

_SETTLE_SECONDS: Final = 300.0


@dataclass(slots=True)
class Noted:
    """What scenarios have seen that answers a question.

    Attributes
    ----------
    circuit_breaker
        How the deploy action ended after the circuit breaker had rolled back.
    bake
        How the deploy action ended in relation to the bake time.
    rules
        What CodeDeploy has changed of the listener.
    builds
        How many builds have succeeded.
    durations
        Pipeline -> how long its executions took, in seconds.
    """

    circuit_breaker: str = ""
    bake: str = ""
    rules: str = ""
    builds: int = 0
    durations: dict[str, list[float]] = field(default_factory=dict)


class Run:
    """One run.

    Parameters
    ----------
    aws
        Where it takes place.
    names
        Its names.
    cdk
        The CLI that deploys the app.
    progress
        What says how far it is.
    docker_hub
        Whether builds log in to Docker Hub.
    """

    def __init__(
        self, aws: Aws, names: Names, cdk: Cdk, progress: Progress, *, docker_hub: bool = False
    ) -> None:
        self.aws, self.names, self.cdk, self.progress = aws, names, cdk, progress
        self.pipelines = Pipelines(aws, progress)
        self.services = Services(aws, names)
        self.noted = Noted()
        self.setting = "one"
        self._docker_hub = docker_hub
        self._words: dict[str, str] = {}
        self._releases = 0

    def deploy(self, *, setting: str | None = None, broken: bool = False) -> None:
        """Deploy the app with ``cdk deploy``, after ``cdk bootstrap`` where it has never been run.

        Parameters
        ----------
        setting
            The value of the setting that the application answers with; the present one by default.
        broken
            Whether a setting keeps the application from starting.

        Raises
        ------
        CdkError
            If that fails.
        """
        environment = {application.SETTING: setting or self.setting}
        if broken:
            environment[application.BROKEN] = "1"
        self.progress.note("cdk synth")
        given = delivery.settings(self.names, environment, docker_hub=self._docker_hub)
        self.cdk.synth(given)
        self._bootstrap()
        self.progress.note("cdk deploy")
        self.cdk.deploy()
        self.setting = environment[application.SETTING]

    def _bootstrap(self) -> None:
        try:
            self.aws("cloudformation").describe_stacks(StackName="CDKToolkit")
        except ClientError as error:
            if code_of(error) != "ValidationError":
                raise
            self.progress.note("cdk bootstrap, which stays: CDKToolkit is for all apps")
            self.cdk.bootstrap(self.aws.account, self.aws.region)

    def push(self, service: str, *, bad: bool = False) -> tuple[str, str]:
        """Push a version that no other is like.

        Parameters
        ----------
        service
            Whose.
        bad
            Whether it exits as soon as it has started.

        Returns
        -------
        tuple
            The execution that it has started, and the version's word.
        """
        self._releases += 1
        word = f"version-{self._releases}-of-{self.names.run}"
        parent = source.newest(self.aws, service)
        if bad:
            files = application.bad(word)
        else:
            files = application.good(word) if parent else application.files(word)
        commit = source.push(self.aws, service, files, f"Release {word}", parent)
        return self.pipelines.started_by(service, commit), word

    def follow(self, service: str, execution: str) -> Ended:
        """Follow an execution to its end, and note how long it took."""
        begun = self.progress.clock()
        ended = self.pipelines.follow(service, execution)
        self.noted.durations.setdefault(service, []).append(self.progress.clock() - begun)
        self.noted.builds += (ended.action("Build") or {}).get("status") == "Succeeded"
        return ended

    def expect_live(self, service: str, image: str, word: str) -> Live:
        """Expect that a service runs an image, that it is recorded, and that it answers so.

        Parameters
        ----------
        service
            The service.
        image
            The image.
        word
            The word that the version answers with.

        Raises
        ------
        UnexpectedError
            If anything is otherwise.
        """

        def look() -> Live | None:
            # Tasks that are on their way out may be there a little longer than the release.
            live = self.services.live(service)
            return live if live.images == {image} and live.pointer == image else None

        try:
            live = self.progress.until(
                look, what=f"{short(image)} is live", seconds=_SETTLE_SECONDS
            )
        except UnexpectedError:
            seen = self.services.live(service)
            raise UnexpectedError(f"{seen}; {short(image)} was to be live") from None
        setting = self.setting if service == self.names.rolling else ""
        wanted, answered = application.message(word, setting), self.services.message(service)
        if answered != wanted:
            raise UnexpectedError(f"the service answers {answered!r} and not {wanted!r}")
        self._words[image] = word
        return live

    def word_of(self, image: str) -> str:
        """Return the word of an image that was live."""
        return self._words.get(image, "")


def took(run: Mapping[str, Any]) -> float:
    """Return how long an action took, in seconds."""
    seconds: float = (run["lastUpdateTime"] - run["startTime"]).total_seconds()
    return seconds
