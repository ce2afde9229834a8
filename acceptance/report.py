"""The table in which a run ends, in Markdown, to be pasted into an issue."""

import datetime as dt
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from acceptance.names import Names
from acceptance.remains import Remaining

_ROOT: Final = Path(__file__).parents[1]
_PACKAGES: Final = ("aws-cdk-lib", "boto3")

AS_EXPECTED: Final = "as expected"
DIFFERENT: Final = "**different**"
NOT_RUN: Final = "not run"


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario as it went.

    Attributes
    ----------
    name, done, expected
        Those of the scenario.
    seen
        What was seen, or why it was not run.
    outcome
        `AS_EXPECTED`, `DIFFERENT` or `NOT_RUN`.
    seconds
        How long it took.
    """

    name: str
    done: str
    expected: str
    seen: str
    outcome: str
    seconds: float = 0


@dataclass(slots=True)
class Report:
    """What a run has seen.

    Attributes
    ----------
    names
        The run's names.
    account, region
        Where it took place; the account is shown without its middle.
    is_aws
        Whether that was AWS.
    rows
        The scenarios.
    answers
        Question -> answer.
    remaining
        What could not be deleted.
    interrupted
        What has ended the run before its time; nothing if it came to its end.
    seconds
        How long it took.
    """

    names: Names
    account: str
    region: str
    is_aws: bool
    rows: list[Row] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    remaining: Sequence[Remaining] = ()
    interrupted: str = ""
    seconds: float = 0

    @property
    def is_accepted(self) -> bool:
        """Whether all scenarios went as expected, and nothing is left."""
        went = all(row.outcome == AS_EXPECTED for row in self.rows)
        return bool(self.rows) and went and not self.remaining and not self.interrupted

    def markdown(self, versions: Mapping[str, str] | None = None) -> str:
        """Return the report.

        Parameters
        ----------
        versions
            What was used, in which version; looked up by default.
        """
        versions = versions if versions is not None else versions_in_use()
        who = "AWS" if self.is_aws else "an emulator, not AWS"
        scenarios = [
            (row.name, row.done, row.expected, row.seen, row.outcome, _duration(row.seconds))
            for row in self.rows
        ]
        parts = [
            f"## Acceptance run {self.names.run}",
            f"Seen of **{who}**, {self.region}, account {_masked(self.account)}, "
            f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {_duration(self.seconds)}; "
            + ", ".join(f"{name} {version}" for name, version in versions.items()),
        ]
        if self.interrupted:
            parts.append(f"**Not finished:** {self.interrupted}")
        parts.append(
            _table(("scenario", "what is done", "expected", "seen", "", "took"), scenarios)
        )
        if self.answers:
            parts.append(_table(("question", f"answer of {who}"), self.answers.items()))
        parts.append(self._remains())
        return "\n\n".join(parts) + "\n"

    def _remains(self) -> str:
        if not self.remaining:
            return "Nothing is left of the run."
        rows = [(f"{one.kind} {one.name}", one.why, f"`{one.command}`") for one in self.remaining]
        return (
            f"**Left behind**; try `make acceptance-clean RUN={self.names.run}` first:\n\n"
            + _table(("what", "why", "what deletes it"), rows)
        )


def versions_in_use() -> Mapping[str, str]:
    """Return the versions of the checkout, of Python and of what the run uses."""
    manifest = json.loads((_ROOT / "node_modules/aws-cdk/package.json").read_text())
    return {
        "checkout": _commit(),
        "CDK CLI": manifest["version"],
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        "Python": platform.python_version(),
    }


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "of unknown commit"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [
        f"| {' | '.join(headings)} |",
        f"|{'---|' * len(headings)}",
        *(f"| {' | '.join(map(_cell, row))} |" for row in rows),
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())


def _masked(account: str) -> str:
    return f"{account[:2]}…{account[-2:]}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
