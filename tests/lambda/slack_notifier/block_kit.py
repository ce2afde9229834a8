"""Slack's rules for a message, so far as Slack documents them.

https://docs.slack.dev/reference/block-kit/blocks
https://docs.slack.dev/reference/block-kit/composition-objects/text-object
"""

import re
import unicodedata
from typing import Any

LINK = re.compile(r"<(https://[^\s<>|]+)\|([^<>|\n]+)>")
ENTITY = re.compile(r"&(?:amp|lt|gt);")
# What keeps an @ from naming anybody.
HARMLESS_AT = "@\u2060"


def width(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def problems(payload: Any) -> list[str]:
    """Return what Slack would refuse, or what would do more than show text."""
    found: list[str] = []
    if not payload.get("text"):
        found.append("no fallback text")
    found += _mrkdwn(payload.get("text", ""), 4000, "text")
    blocks = payload.get("blocks", [])
    if not 1 <= len(blocks) <= 50:
        found.append(f"{len(blocks)} blocks")
    for number, block in enumerate(blocks):
        where = f"blocks[{number}]"
        match block.get("type"):
            case "header":
                found += _text(block.get("text"), 150, where, kinds={"plain_text"})
            case "section":
                if ("text" in block) == ("fields" in block):
                    found.append(f"{where}: neither or both of text and fields")
                if "text" in block:
                    found += _text(block["text"], 3000, where)
                fields = block.get("fields", [])
                if "fields" in block and not 1 <= len(fields) <= 10:
                    found.append(f"{where}: {len(fields)} fields")
                for text in fields:
                    found += _text(text, 2000, where)
            case "context":
                elements = block.get("elements", [])
                if not 1 <= len(elements) <= 10:
                    found.append(f"{where}: {len(elements)} elements")
                for text in elements:
                    found += _text(text, 3000, where)
            case other:
                found.append(f"{where}: type {other}")
    return found


def _text(
    text: Any, limit: int, where: str, kinds: frozenset[str] | set[str] = frozenset({"mrkdwn"})
) -> list[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return [f"{where}: {text}"]
    content = text.get("text")
    if not isinstance(content, str) or not 1 <= width(content) <= limit:
        return [f"{where}: text of {width(content) if isinstance(content, str) else content}"]
    if text["type"] == "plain_text":
        found = _unseen(content, where)
        if re.search(r"[<>\n]|@(?:channel|here|everyone)", content):
            found.append(f"{where}: {content}")
        return found
    if text.get("verbatim") is not True:
        return [f"{where}: not verbatim"]
    return _mrkdwn(content, limit, where)


def _mrkdwn(content: str, limit: int, where: str) -> list[str]:
    found = [f"{where}: too long"] if width(content) > limit else []
    found += _unseen(content, where)
    rest = LINK.sub(r" \1 ", content)
    # A quotation's mark stands at the start of a line.
    rest = re.sub(r"(?m)^>", "", rest)
    if "<" in rest or ">" in rest:
        found.append(f"{where}: unescaped < or > in {rest!r}")
    if "&" in ENTITY.sub("", rest):
        found.append(f"{where}: unescaped & in {rest!r}")
    if re.search(r"@(?:channel|here|everyone|group)\b", content, re.IGNORECASE):
        found.append(f"{where}: mention in {content!r}")
    if content.count("```") % 2:
        found.append(f"{where}: open code block")
    try:
        content.encode()
    except UnicodeEncodeError:
        found.append(f"{where}: no Unicode text")
    return found


def _unseen(content: str, where: str) -> list[str]:
    """Characters that nobody sees: they hide text, and turn the direction of what is beside."""
    rest = content.replace(HARMLESS_AT, "@")
    unseen = {c for c in rest if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"}
    return [f"{where}: unseen {sorted(map(ascii, unseen))}"] if unseen else []
