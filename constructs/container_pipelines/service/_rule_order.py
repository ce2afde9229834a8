"""The rules of a listener among each other: one at each priority, and none that is never asked.

A listener takes the first rule, by priority, whose conditions all hold.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
"""

import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct, IConstruct

from container_pipelines._checks import is_token


@dataclass(frozen=True, slots=True)
class _Rule:
    path: str
    priority: int
    paths: tuple[str, ...]
    hosts: tuple[str, ...]

    def takes_all_of(self, later: "_Rule") -> bool:
        """Tell whether no request is left for a rule that is asked later."""
        return _covers(self.paths, later.paths) and _covers(self.hosts, later.hosts)


# Of each app, by listener.
_rules: Final[weakref.WeakKeyDictionary[IConstruct, dict[str, list[_Rule]]]] = (
    weakref.WeakKeyDictionary()
)


def check_order(
    scope: Construct,
    construct_id: str,
    *,
    listener: elbv2.IApplicationListener,
    priority: int,
    path_patterns: Sequence[str],
    host_headers: Sequence[str],
) -> None:
    """Reject a rule that the listener's others of the app leave no place or no request for.

    Parameters
    ----------
    scope, construct_id
        Where it is made.
    listener
        The listener.
    priority
        Its place among the listener's rules.
    path_patterns, host_headers
        What it holds for.

    Raises
    ------
    ValueError
        If another rule has its priority, or one of the two would take all that the other is for.
    """
    if is_token(priority):
        return
    new = _Rule(
        f"{scope.node.path}/{construct_id}", priority, tuple(path_patterns), tuple(host_headers)
    )
    rules = _rules.setdefault(scope.node.root, {}).setdefault(listener.listener_arn, [])
    for other in rules:
        if other.priority == priority:
            raise ValueError(
                f"'priority' must be one that no other rule of the listener has, got {priority}, "
                f"which is that of '{other.path}'; give another one"
            )
        first, second = sorted((new, other), key=lambda rule: rule.priority)
        if first.takes_all_of(second):
            raise ValueError(
                f"'priority' must let each rule of the listener get requests, got {priority}: "
                f"'{first.path}' ({_told(first)}) would take all those of '{second.path}' "
                f"({_told(second)}); give the narrower one the lower number"
            )
    rules.append(new)


def _covers(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    if not wide:
        return True
    return bool(narrow) and all(any(_matches(one, each) for one in wide) for each in narrow)


def _matches(wide: str, narrow: str) -> bool:
    """Tell whether one pattern takes all that another does; of tokens nothing is known."""
    if is_token(wide) or is_token(narrow):
        return False
    return _pattern(wide).fullmatch(narrow) is not None


# Each is asked about every other rule of its listener.
@cache
def _pattern(wide: str) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "[^*]"}
    return re.compile("".join(wildcards.get(letter, re.escape(letter)) for letter in wide))


def _told(rule: _Rule) -> str:
    return f"{', '.join([*rule.paths, *rule.hosts])} at {rule.priority}"
