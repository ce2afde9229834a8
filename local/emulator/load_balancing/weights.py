"""Weighted target groups in the actions of listeners and listener rules.

The emulator keeps one target group of a forward action. AWS has all its groups with their weights,
and ``TargetGroupArn`` beside them where there is one alone:
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ForwardActionConfig.html.
CloudFormation writes a listener or rule as a whole when its properties change, and leaves alone
what a deployment has done to it when they do not.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ministack.services import alb
from ministack.services.cloudformation import provisioners

_Action: TypeAlias = dict[str, Any]

_TYPES: Final = (
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
)


def register() -> None:
    """Keep, tell and take weights."""
    parse: Callable[..., list[_Action]] = alb._parse_actions
    render: Callable[[_Action], str] = alb._action_xml
    declare: Callable[..., list[_Action]] = provisioners._elbv2_listener_actions

    def parsed(params: Any, prefix: str = "DefaultActions") -> list[_Action]:
        return [
            _weighted(action, _given(params, f"{prefix}.member.{number}.ForwardConfig."))
            for number, action in enumerate(parse(params, prefix), start=1)
        ]

    def declared(
        properties: Mapping[str, Any], balancer: str | None, prop: str = "DefaultActions"
    ) -> list[_Action]:
        templates = [action for action in properties.get(prop) or () if isinstance(action, dict)]
        actions = declare(properties, balancer, prop)
        return [
            _weighted(action, (template.get("ForwardConfig") or {}).get("TargetGroups") or [])
            for action, template in zip(actions, templates, strict=True)
        ]

    def rendered(action: _Action) -> str:
        text = render(action)
        groups = action.get("ForwardConfig", {}).get("TargetGroups", ())
        if not groups:
            return text
        members = "".join(
            f"<member><TargetGroupArn>{group['TargetGroupArn']}</TargetGroupArn>"
            f"<Weight>{group['Weight']}</Weight></member>"
            for group in groups
        )
        return text.removesuffix("</member>") + (
            f"<ForwardConfig><TargetGroups>{members}</TargetGroups></ForwardConfig></member>"
        )

    alb._parse_actions = parsed
    alb._action_xml = rendered
    provisioners._elbv2_listener_actions = declared
    for name in _TYPES:
        handlers = provisioners._RESOURCE_HANDLERS[name]
        handlers["update"] = _when_changed(handlers["update"])


def _given(params: Any, prefix: str) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    while group := alb._p(params, f"{prefix}TargetGroups.member.{len(groups) + 1}.TargetGroupArn"):
        weight = alb._p(params, f"{prefix}TargetGroups.member.{len(groups) + 1}.Weight", "1")
        groups.append({"TargetGroupArn": group, "Weight": weight})
    return groups


def _weighted(action: _Action, groups: list[dict[str, Any]]) -> _Action:
    if action["Type"] != "forward":
        return action
    if not groups:
        groups = [{"TargetGroupArn": action["TargetGroupArn"]}]
    kept = [
        {"TargetGroupArn": group["TargetGroupArn"], "Weight": int(group.get("Weight", 1))}
        for group in groups
    ]
    action = {**action, "ForwardConfig": {"TargetGroups": kept}}
    if len(kept) == 1:
        action["TargetGroupArn"] = kept[0]["TargetGroupArn"]
    else:
        action.pop("TargetGroupArn", None)
    return action


def _when_changed(update: Callable[..., Any]) -> Callable[..., Any]:
    def handle(physical_id: str, old: Any, new: Any, *rest: Any, **more: Any) -> Any:
        if old == new:
            kind = "ListenerArn" if physical_id in alb._listeners else "RuleArn"
            return physical_id, {kind: physical_id}
        return update(physical_id, old, new, *rest, **more)

    return handle
