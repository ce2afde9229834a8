"""The page of the documentation that lists what each role may do."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from local.roles.reasons import ROLES, reason
from local.roles.templates import ACCOUNT, REGION, Role

_HEAD: Final = """\
# What every role may do

Generated from the templates of the sample settings, with Slack and a service that CodeDeploy
deploys added. A test holds that this page is current, and another that each of these roles is
denied what an attacker would want of it (`tests/stacks/test_permissions.py`). Names are those of a
service `shop`; where deployment strategies differ, a role stands here once for each. What follows
`when` is the statement's condition. To write it anew: `pytest tests/stacks --write-page`.
"""


def page(roles: Sequence[Role], services: Mapping[str, str]) -> str:
    """Return the page.

    Parameters
    ----------
    roles
        All roles of an app.
    services
        Name of each service -> its deployment strategy, in a few words.

    Raises
    ------
    KeyError
        A role, or an action of one, has no reason in `local.roles.reasons`.
    """
    sections: dict[str, dict[str, list[str]]] = {}
    for role in roles:
        # The longest name: another may begin it.
        found = [each for each in services if f"-{each}-" in role.stack]
        service = max(found, key=len, default="")
        _add(sections, role, service, services.get(service, ""))
    return _HEAD + "".join(
        itertools.chain.from_iterable(
            _section(name, sections[name]) for name in sorted(sections, key=lambda n: ROLES[n])
        )
    )


def _add(sections: dict[str, dict[str, list[str]]], role: Role, service: str, which: str) -> None:
    name = role.name.partition("/")[2]
    body = "".join(f"{line}\n" for line in _rows(name, role, service))
    sections.setdefault(name, {}).setdefault(body, []).append(which)


def _section(name: str, bodies: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield f"\n## {ROLES[name]}\n"
    for body, which in sorted(bodies.items(), key=lambda each: sorted(each[1])):
        of = f" ({', '.join(sorted(which))})" if len(bodies) > 1 else ""
        yield f"\n`{name}`{of}, {body}"


def _rows(name: str, role: Role, service: str) -> Iterator[str]:
    yield f"trusted to {_trusted(role.trust, service)}"
    yield ""
    rows = sorted(
        (_where(statement), action, reason(name, action)) for action, statement in role.grants()
    )
    managed = [policy for policy, document in role.policies.items() if document is None]
    if managed:
        yield "AWS's policies: " + ", ".join(f"`{each.rpartition('/')[2]}`" for each in managed)
        yield ""
    if not rows:
        yield "Nothing." if not managed else ""
        return
    yield "| on | action | why |"
    yield "|---|---|---|"
    for (resource, why), group in itertools.groupby(rows, key=lambda row: (row[0], row[2])):
        actions = " ".join(f"`{action}`" for _, action, _ in group)
        yield f"| {_shown(resource, service)} | {actions} | {why} |"


def _where(statement: Mapping[str, Any]) -> str:
    resources = ", ".join(f"`{each}`" for each in sorted(_list(statement["Resource"])))
    condition = statement.get("Condition")
    return resources + (f" when {_condition(condition)}" if condition else "")


def _condition(condition: Mapping[str, Any]) -> str:
    return ", ".join(
        f"`{key}`{', if it is given,' if operator.endswith('IfExists') else ''} "
        f"{'is not' if 'Not' in operator else 'is'} "
        + " or ".join(f"`{each}`" for each in _list(value))
        for operator, keys in condition.items()
        for key, value in keys.items()
    )


def _trusted(trust: Mapping[str, Any], service: str) -> str:
    found = []
    for statement in trust["Statement"]:
        condition = statement.get("Condition")
        when = f" when {_condition(condition)}" if condition else ""
        for principals in statement["Principal"].values():
            found += [f"`{principal}`{when}" for principal in _list(principals)]
    return _plain(", ".join(found), service)


def _shown(resource: str, service: str) -> str:
    return _plain(resource, service).replace(", `", ",<br>`")


def _plain(text: str, service: str) -> str:
    """Return a text without what is different in every account and for every service."""
    text = re.sub(r"(?<=[A-Za-z])[0-9A-F]{8}\b", "", text)
    text = re.sub(r"/[0-9a-f]{64}\.", "/….", text)
    text = text.replace("arn:aws:", "").replace(f"{REGION}:{ACCOUNT}:", "").replace(ACCOUNT, "…")
    text = text.replace(REGION, "…").replace("`:::", "`")
    return text.replace(service, "shop") if service else text


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
