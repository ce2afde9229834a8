"""Whether ``ecs:RegisterTaskDefinition`` can be scoped: tried by a role that is allowed one family.

The role may also list families, on ``*``. As soon as that works the policy is in force, and what
ECS answers to the registration then is its answer to the question.
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

from acceptance.aws import code_of
from acceptance.errors import NotAnswerableError
from acceptance.run import Run

_SECONDS: Final = 120.0
_DENIED: Final = ("AccessDeniedException", "AccessDenied")


def ask(run: Run) -> str:
    """Register a task definition by the role; say what ECS answers."""
    name = run.names.asking
    role = _role(run, name)
    try:
        ecs = run.progress.until(
            lambda: _working(run, role), what="a role in force", seconds=_SECONDS
        )
        own = _answer(lambda: _register(ecs, name))
        other = _answer(lambda: _register(ecs, f"{name}-other"))
    finally:
        with contextlib.suppress(ClientError):
            run.aws("iam").delete_role_policy(RoleName=name, PolicyName=name)
        with contextlib.suppress(ClientError):
            run.aws("iam").delete_role(RoleName=name)
    return f"a role that is allowed one family: that family {own}, another {other}"


def _role(run: Run, name: str) -> str:
    iam, account = run.aws("iam"), run.aws.account
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    place = f"arn:{run.aws.partition}:ecs:{run.aws.region}:{account}"
    family = f"{place}:task-definition/{name}:*"
    allowed = [
        {"Effect": "Allow", "Action": "ecs:RegisterTaskDefinition", "Resource": family},
        {"Effect": "Allow", "Action": "ecs:ListTaskDefinitionFamilies", "Resource": "*"},
    ]
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}),
        Description="Asks a question of an acceptance run; deleted at its end",
        Tags=[{"Key": key, "Value": value} for key, value in run.names.tags.items()],
    )["Role"]
    iam.put_role_policy(
        RoleName=name,
        PolicyName=name,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed}),
    )
    return str(role["Arn"])


def _working(run: Run, role: str) -> Any:
    """Return a client of ECS by the role; None while role or policy are not in force."""
    run.progress.note("a role of its own is to come into force")
    try:
        ecs = run.aws.acting_as(role)("ecs")
        ecs.list_task_definition_families(maxResults=1)
    except ClientError as error:
        if code_of(error) not in _DENIED:
            raise NotAnswerableError(f"the role cannot be tried: {error}") from error
        return None
    return ecs


def _register(ecs: Any, family: str) -> None:
    ecs.register_task_definition(
        family=family,
        containerDefinitions=[{"name": "app", "image": "scratch", "memory": 64}],
    )


def _answer(call: Callable[[], None]) -> str:
    try:
        call()
    except ClientError as error:
        return "is denied" if code_of(error) in _DENIED else f"fails: {code_of(error)}"
    return "is accepted"
