"""What AWS's documents leave open, and how a run finds it out.

Each question is answered by what AWS does when it is asked, or by what the scenarios have seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from acceptance.errors import NotAnswerableError
from acceptance.questions import alarm_rule, observed, register, replacement
from acceptance.run import Run


@dataclass(frozen=True, slots=True)
class Question:
    """A question.

    Attributes
    ----------
    text
        The question.
    ask
        Finds the answer; raises `NotAnswerableError` where there is none to be had.
    """

    text: str
    ask: Callable[[Run], str]


def _a_person(what: str) -> Callable[[Run], str]:
    def ask(_: Run) -> str:
        raise NotAnswerableError(f"needs a person: {what}")

    return ask


QUESTIONS: Final = (
    Question("Can `ecs:RegisterTaskDefinition` be scoped to a family?", register.ask),
    Question("Does a changed `DeploymentController` replace a service?", replacement.ask),
    Question(
        "Do conditions on `UseConnection` hold for full clones?",
        _a_person(
            "complete the handshake of a connection, release a service with `full_clone`, then let "
            "its build clone another repository and push"
        ),
    ),
    Question(
        "What does the ECS deploy action do after the circuit breaker, and when?",
        observed.circuit_breaker,
    ),
    Question(
        "Does the ECS deploy action drive ECS's blue/green, and wait for the bake time?",
        observed.bake,
    ),
    Question("Is a scan tried for the cache tag, and does it fail?", observed.cache_scan),
    Question("Does the build action's role need the artifact bucket?", observed.build_role),
    Question("What does `AlarmStates` mean, and is it required?", alarm_rule.ask),
    Question("Which rules of the listener does CodeDeploy change?", observed.rules),
    Question(
        "Do pushes start releases after a late handshake of the connection?",
        _a_person(
            "deploy a service with a `github` source, complete the handshake after `cdk deploy`, "
            "and push"
        ),
    ),
    Question("What is the unit of `PipelineDuration`?", observed.duration_unit),
)
