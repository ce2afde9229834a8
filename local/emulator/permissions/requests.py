"""What a request over HTTP asks for: actions, resources and condition keys."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jmespath
from ministack.core import iam_actions
from ministack.services import ecs

from local.emulator import scope
from local.emulator.permissions import resources

# Where requests name the roles that they pass, and to whom: action -> JMESPath, service. See
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html. Those of ECS's tasks
# are found by `_more`.
_PASSED: Final = {
    "codebuild:CreateProject": ("[serviceRole]", "codebuild"),
    "codebuild:StartBuild": ("[serviceRoleOverride]", "codebuild"),
    "codebuild:UpdateProject": ("[serviceRole]", "codebuild"),
    "codedeploy:CreateDeploymentGroup": ("[serviceRoleArn]", "codedeploy"),
    "codedeploy:UpdateDeploymentGroup": ("[serviceRoleArn]", "codedeploy"),
    "codepipeline:CreatePipeline": ("[pipeline.roleArn]", "codepipeline"),
    "codepipeline:UpdatePipeline": ("[pipeline.roleArn]", "codepipeline"),
    "ecs:CreateService": ("[role]", "ecs"),
    "events:PutRule": ("[RoleArn]", "events"),
    "events:PutTargets": ("Targets[].RoleArn", "events"),
    "lambda:CreateFunction": ("[Role]", "lambda"),
    "lambda:UpdateFunctionConfiguration": ("[Role]", "lambda"),
}
_TO_TASKS: Final = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
_TO_ECS: Final = {"iam:PassedToService": "ecs.amazonaws.com"}


@dataclass(frozen=True, slots=True)
class Check:
    """One action on one resource."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as the emulator has it when it knows the service.

    Attributes
    ----------
    parameters
        Query string, and the body of the query protocol.
    """

    service: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    parameters: dict[str, list[str]]


def checks(request: HttpRequest) -> list[Check]:
    """Return everything that a request needs to be allowed; nothing for one that IAM ignores."""
    where = scope.current()
    given = (
        request.service,
        request.method,
        request.path,
        request.headers,
        request.body,
        request.parameters,
    )
    action: str | None = _ours(request) or iam_actions.extract_iam_action(*given)
    if action is None or action == "sts:GetCallerIdentity":
        return []
    members = _members(request)
    found = iam_actions.extract_resource_arn(*given, where.region, where.account)
    context = _context(action, members)
    return [
        *(Check(action, resource, context) for resource in resources.of(action, members, found)),
        *_more(action, members),
        *(
            Check(more, resource)
            for more, resource, *_ in (
                iam_actions.s3_additional_checks(
                    request.method, request.path, request.headers, request.body, request.parameters
                )
                if request.service == "s3"
                else ()
            )
        ),
    ]


def _ours(request: HttpRequest) -> str | None:
    """Name the action of a service that the emulator does not know."""
    prefix = _PREFIXES.get(request.service)
    action = request.headers.get("x-amz-target", "").rpartition(".")[2]
    return f"{prefix}:{action}" if prefix and action else None


_PREFIXES: Final = {
    "codeconnections": "codeconnections",
    "codedeploy": "codedeploy",
    "codepipeline": "codepipeline",
}


def _members(request: HttpRequest) -> Mapping[str, Any]:
    if request.parameters.get("Action"):
        return _of_query(request.parameters)
    try:
        members = json.loads(request.body or b"{}")
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _of_query(parameters: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the members of the query protocol, lists of plain values as lists."""
    members: dict[str, Any] = {}
    for name, values in parameters.items():
        member, _, rest = name.partition(".member.")
        if rest.isdecimal():
            members.setdefault(member, []).append(values[0])
        elif not rest:
            members[name] = values[0]
    return members


def _context(action: str, members: Mapping[str, Any]) -> dict[str, str]:
    context: dict[str, str] = {}
    if action.startswith("ecs:") and "cluster" in members:
        name = members["cluster"].rpartition("/")[2]
        context["ecs:cluster"] = scope.arn("ecs", f"cluster/{name}")
    if action.startswith("ecs:") and "enableExecuteCommand" in members:
        context["ecs:enable-execute-command"] = str(members["enableExecuteCommand"]).lower()
    if action in ("ecs:UpdateService", "ecs:CreateService") and members.get("taskDefinition"):
        context["ecs:task-definition"] = _definition_arn(members["taskDefinition"])
    if action == "events:PutEvents":
        sources = {entry.get("Source", "") for entry in members.get("Entries", [])}
        # The evaluator takes one value; of several none is one that a policy names.
        context["events:source"] = sources.pop() if len(sources) == 1 else ""
    if action == "cloudwatch:PutMetricData":
        context["cloudwatch:namespace"] = members.get("Namespace", "")
    return context


def _more(action: str, members: Mapping[str, Any]) -> Iterator[Check]:
    """Find what a request needs beside its own action: roles that it passes, and tags.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html for the roles of
    tasks, https://docs.aws.amazon.com/AmazonECS/latest/developerguide/codedeploy_IAM_role.html for
    those of task sets, and
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html.
    """
    where, service = _PASSED.get(action, ("[]", ""))
    for role in jmespath.search(where, members) or ():
        if role:
            yield Check("iam:PassRole", role, {"iam:PassedToService": f"{service}.amazonaws.com"})
    if action == "ecs:RegisterTaskDefinition":
        yield from _passed(members)
        if members.get("tags"):
            arn = scope.arn("ecs", f"task-definition/{members.get('family')}:1")
            yield Check("ecs:TagResource", arn, {"ecs:CreateAction": "RegisterTaskDefinition"})
    elif action in ("ecs:CreateTaskSet", "ecs:RunTask", "ecs:StartTask"):
        key = ecs._resolve_td_key(members.get("taskDefinition", ""))
        yield from _passed(ecs._task_defs.get(key) or {})
        yield from _passed(members.get("overrides") or {})
    elif action in ("ecs:CreateService", "ecs:UpdateService"):
        configuration = members.get("deploymentConfiguration") or {}
        balancers = [
            each.get("advancedConfiguration") or {} for each in members.get("loadBalancers") or ()
        ]
        for each in (*balancers, *(configuration.get("lifecycleHooks") or ())):
            if each.get("roleArn"):
                yield Check("iam:PassRole", each["roleArn"], _TO_ECS)


def _passed(definition: Mapping[str, Any]) -> Iterator[Check]:
    for role in ("taskRoleArn", "executionRoleArn"):
        if definition.get(role):
            yield Check("iam:PassRole", definition[role], _TO_TASKS)


def _definition_arn(named: str) -> str:
    return named if named.startswith("arn:") else scope.arn("ecs", f"task-definition/{named}")
