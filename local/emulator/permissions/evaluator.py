"""The evaluator of policies: one process of Node.js for all questions."""

import functools
import json
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_PROGRAM: Final = Path(__file__).with_name("evaluator.mjs")


class EvaluatorError(RuntimeError):
    """The evaluator has ended; nothing can be decided any more."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What IAM would say.

    Attributes
    ----------
    allowed
        Whether the call is allowed.
    resource
        What it was decided for: ``*`` where the action cannot be scoped.
    reason
        Why it is denied; empty where it is allowed.
    """

    allowed: bool
    resource: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A call with everything that decides over it.

    Attributes
    ----------
    principal
        ARN of a role, or a service's principal such as ``events.amazonaws.com``.
    account
        Account that the resource is in.
    action
        Such as ``ecs:UpdateService``.
    resource
        ARN.
    context
        Condition keys of the request.
    policies
        Name -> policy document, of the principal.
    resource_policy
        Policy of the resource; the trust policy where a role is assumed.
    """

    principal: str
    account: str
    action: str
    resource: str
    context: Mapping[str, str]
    policies: Mapping[str, Any]
    resource_policy: Any = None


class Evaluator:
    """Asks the process, one question after the other, from any thread.

    The process is started by the first question. It needs the packages of ``package.json``.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._asking = threading.Lock()
        # The same call is made again and again by those who wait for something.
        self._answer = functools.lru_cache(maxsize=4096)(self._ask)

    def decide(self, request: Request) -> Decision:
        """Decide over a call.

        Raises
        ------
        EvaluatorError
            The process has ended.
        """
        simulation = {
            "request": {
                "principal": request.principal,
                "action": request.action,
                "resource": {"resource": request.resource, "accountId": request.account},
                "contextVariables": dict(request.context),
            },
            "identityPolicies": [
                {"name": name, "policy": document} for name, document in request.policies.items()
            ],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
            **({"resourcePolicy": request.resource_policy} if request.resource_policy else {}),
        }
        return self._answer(json.dumps({"simulation": simulation}))

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.communicate()

    def _ask(self, question: str) -> Decision:
        with self._asking:
            try:
                if self._process is None:
                    # It ends with its input: when this process does.
                    self._process = subprocess.Popen(
                        ["node", str(_PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                    )
                stdin, stdout = self._process.stdin, self._process.stdout
                assert stdin is not None and stdout is not None  # noqa: S101, PT018  # pipes
                stdin.write(question.encode() + b"\n")
                stdin.flush()
                line = stdout.readline()
            except OSError as error:
                raise EvaluatorError(f"The evaluator of policies has ended: {error}") from error
        if not line:
            raise EvaluatorError("The evaluator of policies has ended")
        answer = json.loads(line)
        allowed = answer["result"] == "Allowed"
        reason = "" if allowed else answer["reason"] or "no policy allows it"
        return Decision(allowed, answer["resource"], reason)
