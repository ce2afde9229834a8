"""Conditions and failure results in a declaration: which AWS takes.

https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html and the API
reference's ``BeforeEntryConditions``, ``SuccessConditions`` and ``FailureConditions``. For On
Failure the guide names only ROLLBACK and RETRY and CloudFormation's reference no more; the API's
has FAIL and SKIP as well, and so they are taken.
"""

import collections
from collections.abc import Iterator, Mapping
from typing import Any

from local.emulator.pipelines.action import Provider, Providers, rule_type

_RESULTS = {
    "beforeEntry": ("FAIL", "SKIP"),
    "onSuccess": ("FAIL", "ROLLBACK"),
    "onFailure": ("FAIL", "RETRY", "ROLLBACK", "SKIP"),
}
_RETRY_MODES = ("FAILED_ACTIONS", "ALL_ACTIONS")
_SKIPPING_RULES = ("LambdaInvoke", "VariableCheck")
_MOST_RULES = 5
_TIMEOUT_MINUTES = range(5, 86_401)


def rules_of_stage(stage: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the kind of condition and the declaration of each rule of a stage."""
    for kind in _RESULTS:
        for condition in stage.get(kind, {}).get("conditions") or ():
            for rule in condition.get("rules") or ():
                yield kind, rule


def complete(stage: dict[str, Any]) -> None:
    """Return the rules of a stage what a template may leave out."""
    for _, rule in rules_of_stage(stage):
        rule.setdefault("configuration", {})
        rule.setdefault("inputArtifacts", [])
        rule["ruleTypeId"].setdefault("owner", "AWS")
        if "timeoutInMinutes" in rule:
            rule["timeoutInMinutes"] = int(rule["timeoutInMinutes"])


def check_conditions(pipeline: Mapping[str, Any], providers: Providers) -> None:
    """Refuse conditions that AWS refuses.

    Raises
    ------
    ValueError
        The message says what and where.
    """
    for number, stage in enumerate(pipeline["stages"]):
        for kind, results in _RESULTS.items():
            declared = stage.get(kind)
            if declared is None:
                continue
            where = f"{kind} of stage '{stage['name']}'"
            if pipeline["pipelineType"] != "V2":
                raise ValueError(f"{where}: conditions are only available for V2 pipelines")
            used = list(_check_results(where, kind, declared, results))
            if "ROLLBACK" in used:
                _check_rollback(where, pipeline, number)
            _check_retry(where, declared, used)
            for condition in declared.get("conditions") or ():
                _check_rules(where, condition, providers)


def _check_results(
    where: str, kind: str, declared: Mapping[str, Any], allowed: tuple[str, ...]
) -> Iterator[str]:
    conditions = declared.get("conditions") or ()
    if len(conditions) > 1:
        raise ValueError(f"{where}: there can be one condition, not {len(conditions)}")
    if kind == "onFailure":
        if not conditions and "result" not in declared:
            raise ValueError(f"{where}: there must be a result or a condition")
    elif not conditions or "result" in declared:
        raise ValueError(f"{where}: there must be a condition, and it carries the result")
    for holder in (declared, *conditions):
        if "result" not in holder:
            continue
        if holder["result"] not in allowed:
            raise ValueError(
                f"{where}: the result must be one of {', '.join(allowed)}, not {holder['result']!r}"
            )
        yield holder["result"]


def _check_rollback(where: str, pipeline: Mapping[str, Any], number: int) -> None:
    if pipeline["executionMode"] == "PARALLEL":
        raise ValueError(
            f"{where}: the result ROLLBACK is not available in PARALLEL mode; take QUEUED or "
            "SUPERSEDED, or another result"
        )
    if number == 0:
        raise ValueError(f"{where}: a source stage cannot be rolled back")


def _check_retry(where: str, declared: Mapping[str, Any], used: list[str]) -> None:
    if "RETRY" in used and declared.get("conditions"):
        raise ValueError(
            f"{where}: the result RETRY cannot be used with conditions; leave out either"
        )
    retry = declared.get("retryConfiguration")
    if retry is None:
        return
    if "RETRY" not in used:
        raise ValueError(f"{where}: a retryConfiguration needs the result RETRY")
    if retry.get("retryMode") not in {None, *_RETRY_MODES}:
        raise ValueError(
            f"{where}: retryMode must be one of {', '.join(_RETRY_MODES)}, not "
            f"{retry['retryMode']!r}"
        )


def _check_rules(where: str, condition: Mapping[str, Any], providers: Providers) -> None:
    rules = condition.get("rules") or ()
    if not 1 <= len(rules) <= _MOST_RULES:
        raise ValueError(f"{where}: a condition has 1 to {_MOST_RULES} rules, not {len(rules)}")
    names = collections.Counter(rule["name"] for rule in rules)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"{where}: every rule name must be unique, but '{twice[0]}' is not")
    for rule in rules:
        category, owner, provided_by = kind = rule_type(rule)
        provider = providers.get(kind) if category == "Rule" else None
        if provider is None:
            raise ValueError(
                f"{where}: RuleType (Category: '{category}', Provider: '{provided_by}', Owner: "
                f"'{owner}') in rule '{rule['name']}' is not available in this emulator"
            )
        skips_entry = where.startswith("beforeEntry") and condition.get("result") == "SKIP"
        if skips_entry and provided_by not in _SKIPPING_RULES:
            raise ValueError(
                f"{where}: with the result SKIP a rule must be one of "
                f"{', '.join(_SKIPPING_RULES)}, not {provided_by}"
            )
        _check_rule(where, rule, provider)


def _check_rule(where: str, rule: Mapping[str, Any], provider: Provider) -> None:
    check_configuration(f"{where}, rule '{rule['name']}'", rule["configuration"], provider)
    fewest, most = provider.inputs
    if not fewest <= len(rule["inputArtifacts"]) <= most:
        raise ValueError(
            f"{where}: rule '{rule['name']}' has {len(rule['inputArtifacts'])} inputArtifacts, but "
            f"takes {fewest} to {most}"
        )
    if rule.get("timeoutInMinutes", 5) not in _TIMEOUT_MINUTES:
        raise ValueError(
            f"{where}: timeoutInMinutes of rule '{rule['name']}' must be 5 to 86400, not "
            f"{rule['timeoutInMinutes']}"
        )


def check_configuration(where: str, configuration: Mapping[str, str], provider: Provider) -> None:
    """Refuse a configuration with too few, unknown or wrong keys.

    Raises
    ------
    ValueError
        The message says which.
    """
    for key in provider.required:
        if key not in configuration:
            raise ValueError(f"{where} is missing required configuration '{key}'")
    known = (*provider.required, *provider.optional)
    if unknown := [key for key in configuration if key not in known]:
        raise ValueError(
            f"{where} contains unknown configuration '{unknown[0]}'; known here: "
            f"{', '.join(known) or 'none'}"
        )
    if any("#{" in value for value in configuration.values()):
        return  # What the variables hold shows only when it runs.
    try:
        provider.check(configuration)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
