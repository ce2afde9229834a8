"""Text of others as Slack's mark-up: shown as it is, never obeyed, never too long.

https://docs.slack.dev/messaging/formatting-message-text
"""

import re
import unicodedata

_ANSI = re.compile(r"\x1b\[[0-9;?]{0,32}[ -/]{0,4}[@-~]")
# Control characters; what has no shape, such as what turns the direction of writing; and lone
# halves of surrogate pairs, which no encoder takes.
# https://www.unicode.org/reports/tr44/#General_Category_Values
_UNSEEN = frozenset({"Cc", "Cf", "Cs"})
_MENTION = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)
_WORD_JOINER = "\u2060"
_UNFINISHED_ENTITY = re.compile(r"&[a-z]{0,3}\Z")


def clean(text: str) -> str:
    """Drop what cannot be seen: colours of a terminal, control and direction characters."""
    text = _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _UNSEEN)


def one_line(text: str) -> str:
    """Join lines and runs of spaces."""
    return " ".join(clean(text).split())


def escape(text: str) -> str:
    """Make a text that Slack shows literally: no link, no mention, no code fence.

    ``<!channel>`` is harmless once escaped. The bare ``@channel`` is so already unless a sender
    asks for names to be linked; the invisible joiner keeps it harmless in copies of the message.
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub(f"@{_WORD_JOINER}", text).replace("```", "'''")


def width(text: str) -> int:
    """Count as Slack's clients do, in UTF-16 code units: an emoji counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """Shorten an escaped text at its end, never inside an entity."""
    if width(text) <= limit:
        return text
    kept = text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", "ignore")
    return _UNFINISHED_ENTITY.sub("", kept) + "…"


def cut_start(text: str, limit: int) -> str:
    """Shorten an escaped text at its start, on a line where there is one."""
    if width(text) <= limit:
        return text
    kept = text.encode("utf-16-le")[-2 * (limit - 2) :].decode("utf-16-le", "ignore")
    _, line, rest = kept.partition("\n")
    if line and rest.strip():
        return "…\n" + rest
    # One long line: a cut entity would leave its tail, such as "lt;".
    return "…" + re.sub(r"\A[a-z]{0,3};", "", kept)
