"""Which requests the rules of a listener take.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_PathPatternConditionConfig.html
"""

import re


def matches(pattern: str, other: str) -> bool:
    """Tell whether a rule takes a path, or all that another pattern takes.

    Parameters
    ----------
    pattern
        The rule's pattern, which has only ``*`` and ``?`` as wildcards.
    other
        The path, or the other pattern.

    Returns
    -------
    bool
        Whether it does.
    """
    wildcards = {"*": ".*", "?": "[^*]"}
    expression = "".join(wildcards.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, other) is not None
