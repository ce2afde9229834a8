"""Takes secrets out of what others wrote: commits, logs, reasons, whole events.

Patterns hide too much rather than too little. Each is bounded or anchored, so that a hostile text
costs time in proportion to its length.
"""

import re
from typing import Final

HIDDEN: Final = "[hidden]"

# Nothing longer is ever shown; what is cut off before the patterns run is not shown either.
_LONGEST = 16_384
_DEEPEST = 12
_MOST_ENTRIES = 200

_SENSITIVE = (
    r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|signing[_-]?key|account[_-]?key|credential|connection[_-]?string|session[_-]?id)"
)
_NAME = re.compile(rf"(?i){_SENSITIVE}|[_-]pass$|^_?auth$|^authorization$|^(?:set-)?cookie$")
_ASSIGNED = (
    rf"(?i)((?:{_SENSITIVE}[\w.-]{{0,40}}|[_-]pass|(?<=[\"'])_?auth|_authToken"
    r"|authorization|cookie)[\"'\\]{0,4}\s{0,4}(?::=|=>|[:=])\s{0,4})"
    r"(\\?\"[^\"]{0,4000}|'[^']{0,4000}|[^\s\"'&,;]+)"
)

_KEY = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_FORTY_OF_BASE64 = (
    r"(?<![\w/+-])(?=[\w/+]{0,39}[A-Z])(?=[\w/+]{0,39}[a-z])(?=[\w/+]{0,39}[0-9])"
    r"[A-Za-z0-9/+]{40}(?![\w/+=-])"
)

_PATTERNS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # Private keys; the second pattern is for a text that starts in the middle of one.
        (rf"(?s)-----BEGIN {_KEY}.*?(?:-----END {_KEY}|\Z)", HIDDEN),
        (rf"(?s)\A.*-----END {_KEY}", HIDDEN),
        # Slack: webhook URLs and tokens.
        (r"(?i)hooks\.slack(?:-gov)?\.com/[^\s\"'<>|]+", f"hooks.slack.com/{HIDDEN}"),
        (r"\bx(?:ox[a-z]|app)(?:\.xox[a-z])?-[\w-]{8,}", HIDDEN),
        # AWS: access key ids, session tokens, presigned URLs.
        (r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}", HIDDEN),
        (r"\b(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[\w/+=-]{8,}", HIDDEN),
        (r"(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+", rf"\1{HIDDEN}"),
        # GitHub, GitLab, Bitbucket, Docker, npm, PyPI, Stripe, Google.
        (r"\bgh[a-z]_\w{16,}", HIDDEN),
        (r"\bgithub_pat_\w{16,}", HIDDEN),
        (r"\bgl[a-z]{2,6}-[\w-]{16,}", HIDDEN),
        (r"\bAT(?:BB|CTT)[\w=-]{16,}", HIDDEN),
        (r"\bdckr_[a-z]{2,5}_[\w-]{16,}", HIDDEN),
        (r"\bnpm_\w{20,}", HIDDEN),
        (r"\bpypi-[\w-]{16,}", HIDDEN),
        (r"\b[sr]k_(?:live|test)_\w{10,}", HIDDEN),
        (r"\bAIza[\w-]{30,}", HIDDEN),
        # JWTs, and the bare base64 of a JSON object such as ECR's login token.
        (r"\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?", HIDDEN),
        (r"\beyJ[\w+/=-]{40,}", HIDDEN),
        (r"(?i)\b(bearer|basic)\s{1,4}[\w+/=.~-]{8,}", rf"\1 {HIDDEN}"),
        # A URL's user and password.
        (r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/@\"'<>]{1,512}@", rf"\1{HIDDEN}@"),
        # An option of a command, then anything assigned to such a name.
        (
            rf"(?i)((?<![\w-])--?[\w-]{{0,40}}{_SENSITIVE}[\w-]{{0,40}}\s{{1,4}})(?!-)[^\s]+",
            rf"\1{HIDDEN}",
        ),
        (_ASSIGNED, rf"\1{HIDDEN}"),
        # What looks like an AWS secret access key: 40 characters of base64 of all kinds. A commit
        # id has 40 characters too, but no capitals.
        (_FORTY_OF_BASE64, HIDDEN),
    )
)


def redact(text: str, *, keep_end: bool = False) -> str:
    """Replace what looks like a secret.

    Parameters
    ----------
    text
        Anything.
    keep_end
        Which end to keep of a text that is longer than is ever shown.

    Returns
    -------
    str
        The text with ``[hidden]`` in place of each.
    """
    if len(text) > _LONGEST:
        text = text[-_LONGEST:] if keep_end else text[:_LONGEST]
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_structure(value: object, depth: int = 0) -> object:
    """Hide what stands under a name such as ``password``, at any depth.

    Parameters
    ----------
    value
        A parsed JSON document.
    depth
        How deep it lies in the whole.

    Returns
    -------
    object
        A copy, cut where it is nested too deeply or too long to be shown.
    """
    if isinstance(value, dict):
        if depth >= _DEEPEST:
            return "{...}"
        # {"name": "DB_PASSWORD", "value": "..."}: an environment variable as ECS writes it.
        labels = [value.get(key) for key in ("name", "Name", "key", "Key")]
        named = any(isinstance(label, str) and _NAME.search(label[:256]) for label in labels)
        hidden = {"value", "Value"} if named else set()
        return {
            str(key)[:256]: HIDDEN
            if key in hidden or _NAME.search(str(key)[:256])
            else redact_structure(entry, depth + 1)
            for key, entry in list(value.items())[:_MOST_ENTRIES]
        }
    if isinstance(value, list):
        if depth >= _DEEPEST:
            return "[...]"
        return [redact_structure(entry, depth + 1) for entry in value[:_MOST_ENTRIES]]
    return value[:_LONGEST] if isinstance(value, str) else value
