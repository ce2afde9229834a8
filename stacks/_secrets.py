"""What looks like a secret where none belongs."""

import re
from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk

# Tokens of code hosts, registries, Slack and AWS by their form; an address with a password.
_TOKENS: Final = (
    r"xox[a-z]-.+|xapp-.+|gh[a-z]_\w{30,}|github_pat_\w{30,}|glpat-.{15,}|npm_\w{30,}"
    r"|dckr_[a-z]+_.{20,}|(AKIA|ASIA)[A-Z0-9]{16}|sk-.{20,}|eyJ.+\.eyJ.+|-----BEGIN.+"
    r"|https://hooks\.slack\.com/.+|[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@.+"
)
_VALUE: Final = re.compile(_TOKENS, re.DOTALL)
# What nobody calls a parameter: a webhook, a Docker Hub token of the old kind, a key.
_NAME: Final = re.compile(
    rf"{_TOKENS}|https?://.+|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}"
    r"|(?=.*\d)[0-9A-Za-z+/=]{32,}",
    re.DOTALL,
)
_VARIABLE: Final = re.compile(
    r"(?i).*(password|passwd|passphrase|secret|token|credentials?"
    r"|(api|access|secret|private|signing|encryption)_?key)"
)


def is_no_name(name: str) -> bool:
    """Tell whether something is a secret itself and not the name of one.

    Parameters
    ----------
    name
        What was given.

    Returns
    -------
    bool
        Whether it looks like that.
    """
    return _NAME.fullmatch(name) is not None


def is_secret(value: str) -> bool:
    """Tell whether a value is a secret, by its form.

    Parameters
    ----------
    value
        What was given.

    Returns
    -------
    bool
        Whether it looks like that.
    """
    return _VALUE.fullmatch(value) is not None


def plain_secrets(variables: Mapping[str, str]) -> list[str]:
    """Find variables in plain text that look like secrets, by their names or their values.

    Parameters
    ----------
    variables
        The variables.

    Returns
    -------
    list[str]
        Their names. One without a value is none.
    """
    return [
        name
        for name, value in variables.items()
        if value and (_VARIABLE.fullmatch(name) or is_secret(value))
    ]


def warn_of_secrets(stack: cdk.Stack, setting: str, variables: Mapping[str, str]) -> None:
    """Have the synthesis warn of variables in plain text that look like secrets.

    Parameters
    ----------
    stack
        The stack that they get into.
    setting
        The setting that has them.
    variables
        The variables.
    """
    if found := plain_secrets(variables):
        section = setting.partition(".")[0]
        cdk.Annotations.of(stack).add_warning_v2(
            "delivery:PlainSecret",
            f"{setting} has {', '.join(found)}, by the look of it secret, in plain text: it stands "
            f"in the template and the console, and a build argument in the image as well. Store it "
            f"in Parameter Store and name it in {section}.secret_parameters, or rename it.",
        )
