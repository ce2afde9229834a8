"""Glob patterns of triggers.

https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html: ``*`` and ``?`` stay
within one part of a path, ``**`` crosses parts, ``[ ]`` is one of a set, ``{one,other}`` is either,
a backslash takes the next character literally.
"""

import functools
import re

_TOKEN = re.compile(
    r"(?P<escaped>\\.)"
    r"|(?P<directories>(?:(?<=/)|^)\*\*/)"
    r"|(?P<anything>\*\*)|(?P<part>\*)|(?P<one>\?)"
    r"|\[(?P<negated>!?)(?P<set>-?[^\]/]+)\]"
    r"|\{(?P<group>[^{}]*)\}"
    r"|(?P<literal>[^\\*?\[\]{}]+)"
)


def matches(pattern: str, name: str) -> bool:
    """Return whether a name matches a pattern as a whole."""
    return compiled(pattern).fullmatch(name) is not None


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern.

    Raises
    ------
    ValueError
        It has an open bracket or brace, or one in another.
    """
    return re.compile(_spelled(pattern))


def _spelled(pattern: str) -> str:
    spelled = ""
    position = 0
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        if match is None:
            raise ValueError(
                f"{pattern!r} is no glob pattern: see {pattern[position:]!r}; close brackets and "
                "braces, do not nest them, and put a backslash before those meant literally"
            )
        position = match.end()
        spelled += _token(match)
    return spelled


def _token(match: re.Match[str]) -> str:
    text = match[0]
    match match.lastgroup:
        case "escaped":
            return re.escape(text[1])
        case "directories":
            return "(?:.*/)?"
        case "anything":
            return ".*"
        case "part":
            return "[^/]*"
        case "one":
            return "[^/]"
        case "set":
            within = re.sub(r"([\\\[\]^])", r"\\\1", match["set"])
            return f"(?!/)[{'^' if match['negated'] else ''}{within}]"
        case "group":
            return "(?:" + "|".join(_spelled(part) for part in match["group"].split(",")) + ")"
        case _:
            return re.escape(text)
