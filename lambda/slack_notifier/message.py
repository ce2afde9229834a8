"""Builds the Slack message of a notice: Block Kit, with a plain text for notifications.

Links stand in the text, not on buttons: a click on a button makes Slack call the app back, and an
app without a server for that shows each reader a warning.

https://docs.slack.dev/reference/block-kit/blocks
"""

import re
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final

from slack_notifier.advice import advise
from slack_notifier.mrkdwn import clean, cut, cut_start, escape, one_line
from slack_notifier.notice import Commit, Notice, Outcome
from slack_notifier.redact import redact

_SIGNS: Final = {
    Outcome.FAILED: "\N{LARGE RED CIRCLE}",
    Outcome.RECOVERED: "\N{LARGE GREEN CIRCLE}",
    Outcome.SUCCEEDED: "\N{LARGE GREEN CIRCLE}",
    Outcome.APPROVAL: "\N{LARGE YELLOW CIRCLE}",
    Outcome.STARTED: "\N{LARGE BLUE CIRCLE}",
    Outcome.STOPPED: "\N{MEDIUM WHITE CIRCLE}",
    Outcome.UNKNOWN: "\N{MEDIUM WHITE CIRCLE}",
}
# Slack's limits are 150 for a header, 3000 for a section, 2000 for a field and 10 fields.
_HEADER = 150
_SECTION = 2900
_REASON = 1500
_LINE = 300
_FIELD = 400
_FIELDS = 10
_FALLBACK = 900
# What looks like < and > and is neither, and an @ that names nobody.
_HARMLESS: Final = str.maketrans({"<": "\u2039", ">": "\u203a", "@": "@\u2060"})


@dataclass(frozen=True, slots=True)
class Message:
    """A message as Slack takes it.

    Attributes
    ----------
    text
        What notifications and readers without Block Kit show.
    blocks
        What the channel shows.
    urgent
        Whether a reply in a thread is to be seen in the channel too.
    """

    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    urgent: bool = False

    def payload(self, *, plain: bool = False) -> dict[str, Any]:
        """Return the JSON document for Slack.

        Parameters
        ----------
        plain
            Leave the blocks out, for when Slack takes offence at one of them.
        """
        options: dict[str, Any] = {
            "text": self.text,
            "unfurl_links": False,
            "unfurl_media": False,
            "link_names": False,
        }
        return options if plain else options | {"blocks": self.blocks}


def build_message(notice: Notice, *, service: str = "", docs_url: str = "") -> Message:
    """Build the message.

    Parameters
    ----------
    notice
        The notice.
    service
        The service's name, where it is known better than from the event.
    docs_url
        The page that explains common errors; without it the advice stands alone.
    """
    subject = _line(service or notice.subject, 80) or "Unknown"
    title = _line(notice.title, 120) or "Unknown event"
    sign = _SIGNS[notice.outcome]
    reason = _without_script(notice.reason)
    why = _line(_first_line(reason), _LINE)
    parts = [
        _header(f"{sign} {service or notice.subject}: {notice.title}"),
        _facts(notice, service),
        _commit(notice.commit),
        _section("*Reason*\n" + _quoted(reason, _REASON)) if reason else None,
        _log(notice.log),
        _advice(notice, docs_url),
        _raw(notice.raw),
        _links(notice),
        _context(notice),
    ]
    return Message(
        text=cut(f"{sign} {subject}: {title}" + (f" - {why}" if why else ""), _FALLBACK),
        blocks=[part for part in parts if part],
        urgent=notice.outcome in (Outcome.FAILED, Outcome.APPROVAL, Outcome.RECOVERED),
    )


def _without_script(reason: str) -> str:
    # CodeBuild repeats the whole command that failed, and that may be a page of shell.
    return re.sub(
        r"(Error while executing command: [^\n]*)\n.*?(?=\. Reason: |\Z)",
        r"\1 …",
        reason,
        flags=re.DOTALL,
    )


def _line(text: str, limit: int) -> str:
    return cut(escape(one_line(redact(text))), limit)


def _first_line(text: str) -> str:
    return next((line for line in redact(text).splitlines() if line.strip()), "")


def _quoted(text: str, limit: int) -> str:
    quoted = "\n".join(
        f"> {line}" for line in escape(clean(redact(text))).splitlines() if line.strip()
    )
    return cut(quoted, limit)


def _fenced(text: str, *, keep_end: bool) -> str:
    escaped = escape(clean(redact(text, keep_end=keep_end))).strip("\n")
    inner = _SECTION - 20
    return f"```\n{cut_start(escaped, inner) if keep_end else cut(escaped, inner)}\n```"


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: no names, channels or addresses are made links of.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _link(url: str, label: str) -> str:
    # Both are safe already; an ampersand is an entity inside of a link too.
    return f"<{url.replace('&', '&amp;')}|{label}>"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(cut(text, _SECTION))}


def _header(text: str) -> dict[str, Any]:
    # A header is plain text, in which Slack undoes entities but obeys nothing.
    shown = one_line(redact(text)).translate(_HARMLESS)
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": cut(shown, _HEADER), "emoji": False},
    }


def _facts(notice: Notice, service: str) -> dict[str, Any] | None:
    named = [("About", notice.subject)] if service and service != notice.subject else []
    facts = [(name, value) for name, value in (*named, *notice.facts) if clean(value).strip()]
    if not facts:
        return None
    return {
        "type": "section",
        "fields": [
            _mrkdwn(f"*{_line(name, 60)}*\n{_line(value, _FIELD)}")
            for name, value in facts[:_FIELDS]
        ],
    }


def _commit(commit: Commit | None) -> dict[str, Any] | None:
    if commit is None or not commit.id:
        return None
    short = _line(commit.id[:8], 20)
    shown = _link(commit.url, short) if commit.url else f"`{short}`"
    words = ["*Commit*", shown]
    if commit.branch:
        words += ["on", _line(commit.branch, 100)]
    if commit.author:
        words += ["by", _line(commit.author, 100)]
    message = _line(_first_line(commit.message), _LINE)
    return _section(" ".join(words) + (f"\n> {message}" if message else ""))


def _log(log: str) -> dict[str, Any] | None:
    return _section(_fenced(log, keep_end=True)) if clean(log).strip() else None


def _raw(raw: str) -> dict[str, Any] | None:
    return _section(_fenced(raw, keep_end=False)) if clean(raw).strip() else None


def _advice(notice: Notice, docs_url: str) -> dict[str, Any] | None:
    if notice.outcome is not Outcome.FAILED:
        return None
    advice = advise(notice.reason, notice.log, notice.title)
    if advice is None:
        return None
    more = " " + _link(f"{docs_url}#{advice.anchor}", "More") if docs_url else ""
    return _section(f"*What to do*\n{escape(advice.text)}{more}")


def _links(notice: Notice) -> dict[str, Any] | None:
    if not notice.links:
        return None
    return _section(" · ".join(_link(link.url, link.label) for link in notice.links[:6]))


def _context(notice: Notice) -> dict[str, Any]:
    facts = [
        f"{notice.time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if notice.time else "",
        _line(notice.region, 40),
        _line(notice.account, 40),
        f"event {_line(notice.id, 80)}",
    ]
    return {"type": "context", "elements": [_mrkdwn(" · ".join(filter(None, facts)))]}
