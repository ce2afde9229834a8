"""Decide by ECR's scan of the pushed image whether a build may go on.

Called in a build as ``python3 scan_gate.py``, with nothing but Python's standard library (3.9 or
later) and the AWS CLI. Set by the project: ``SCAN_GATE``, a JSON document, and ``REPOSITORY_URI``;
set by the build: ``IMAGE_DIGEST``. The build's role needs ``ecr:BatchGetImage`` and
``ecr:DescribeImageScanFindings``.

==================  ============================================================  ===============
in ``SCAN_GATE``    meaning                                                       default
==================  ============================================================  ===============
``threshold``       findings of this severity and above block                     HIGH
``fixable_only``    a finding that is known to have no fix does not block         false
``allow``           list of ``id``, ``reason``, ``expires`` (last day, UTC)       empty
``max_wait``        how long the results may take, in seconds                     600
``poll_interval``   the first pause between two questions; grows to 10 seconds    2
``mode``            ``enforce``, or ``report``: print all, always exit with 0     enforce
``artifact``        where the findings are written                                scan-findings.json
==================  ============================================================  ===============

Exit status: 0 may go on, 1 blocked by a finding, 2 no readable result. Whatever is not understood
counts as no result, and a word for a severity that AWS does not list blocks: the gate fails closed.
It never starts a scan, since ECR allows one a day, which scan on push has already used.

Basic scanning does not say whether a fix exists, so ``fixable_only`` changes nothing there.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence, TypeVar  # noqa: UP035 - 3.9

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
# AWS's words for a finding that nobody has rated. Debian's lists are full of them, so that blocking
# on them would stop every build.
UNRATED = ("UNDEFINED", "UNTRIAGED")
# Any other word may mean anything: it blocks.
READY = ("COMPLETE", "ACTIVE")
RUNNING = ("IN_PROGRESS", "PENDING")
ADVICE = {
    "FAILED": "push the image again for a new scan",
    "UNSUPPORTED_IMAGE": "ECR scans no image of this kind, such as one built from scratch; "
    "use a base image that it supports, or build without the gate",
    "LIMIT_EXCEEDED": "the registry's scans of the day are used up; try again tomorrow",
}
TRANSIENT = re.compile(
    r"Throttl|TooManyRequests|RequestLimitExceeded|ServerException|InternalFailure|InternalError"
    r"|ServiceUnavailable|RequestTimeout|Could not connect to the endpoint|[Tt]imeout on endpoint"
    r"|Connection was closed"
)
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
LONGEST_PAUSE = 10.0
PROGRESS_EVERY = 15.0
CALL_TIMEOUT = 60.0
MOST_ROWS = 200

Aws = Callable[..., "dict[str, Any]"]
T = TypeVar("T")


class UnreadableError(Exception):
    """There is no result, and waiting will not bring one."""


class NotYetError(Exception):
    """There is no result so far."""


@dataclass(frozen=True)
class Allowance:
    """A finding that somebody has accepted, and the last day on which that holds."""

    id: str
    reason: str
    expires: dt.date


@dataclass(frozen=True)
class Settings:
    """What the project asks of the gate."""

    threshold: str
    fixable_only: bool
    allow: tuple[Allowance, ...]
    max_wait: float
    poll_interval: float
    enforce: bool
    artifact: str


@dataclass(frozen=True)
class Repository:
    """Where the image was pushed to."""

    account: str
    region: str
    name: str


@dataclass(frozen=True)
class Image:
    """One image that can run; an index has one for each platform."""

    digest: str
    platform: str


@dataclass(frozen=True, order=True)
class Finding:
    """A finding of either kind of scanning; `fix` is YES, NO, PARTIAL or UNKNOWN."""

    id: str
    severity: str
    package: str
    installed: str
    fixed_in: str
    fix: str
    link: str
    platform: str
    digest: str


class Scan(NamedTuple):
    """The findings of one image, sorted; `final` if they are not going to change."""

    findings: tuple[Finding, ...]
    final: bool


class Judgement(NamedTuple):
    """What the findings mean."""

    blocking: list[tuple[Finding, str]]
    allowed: list[tuple[Finding, Allowance]]
    unfixable: list[Finding]
    expired: list[Allowance]
    unmatched: list[Allowance]


def parse_settings(document: str) -> Settings:
    """Read ``SCAN_GATE``."""
    try:
        given = json.loads(document)
        settings = Settings(
            threshold=given.get("threshold", "HIGH"),
            fixable_only=given.get("fixable_only", False),
            allow=tuple(
                Allowance(
                    str(entry["id"]),
                    str(entry["reason"]),
                    dt.date.fromisoformat(entry["expires"]),
                )
                for entry in given.get("allow", ())
            ),
            max_wait=float(given.get("max_wait", 600)),
            poll_interval=float(given.get("poll_interval", 2)),
            enforce={"enforce": True, "report": False}[given.get("mode", "enforce")],
            artifact=given.get("artifact", "scan-findings.json"),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableError(f"SCAN_GATE is not as documented: {error!r}") from None
    if settings.threshold not in SEVERITIES:
        raise UnreadableError(f"SCAN_GATE: threshold must be one of {', '.join(SEVERITIES)}")
    if not isinstance(settings.fixable_only, bool):
        raise UnreadableError("SCAN_GATE: fixable_only must be true or false")
    if not (0 <= settings.max_wait <= 86400 and 0 < settings.poll_interval <= LONGEST_PAUSE):
        raise UnreadableError("SCAN_GATE: max_wait or poll_interval is out of range")
    return settings


def parse_repository(uri: str) -> Repository:
    """Take the registry's account and region and the repository's name out of its URI."""
    match = re.fullmatch(r"(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[^/]+/(.+)", uri)
    if not match:
        raise UnreadableError(f"REPOSITORY_URI is not that of an ECR repository: {clean(uri)!r}")
    return Repository(*match.groups())


def parse_digest(digest: str) -> Image:
    """Take the image that was pushed by its digest."""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise UnreadableError(f"IMAGE_DIGEST is not a digest: {clean(digest)!r}")
    return Image(digest, "")


def clean(value: object, most: int = 60) -> str:
    """Make one short printable line of what a vulnerability database or a service says."""
    text = "".join(char if char.isprintable() else " " for char in str(value or ""))
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def expect(kind: type[T], value: object, what: str) -> T:
    """Return a part of a reply if it has the type that it must have."""
    if not isinstance(value, kind):
        raise UnreadableError(f"ECR's reply has no readable {what}")
    return value


def aws(*arguments: str) -> dict[str, Any]:
    """Call ``aws ecr``; a failure that may pass by itself is NotYetError."""
    try:
        done = subprocess.run(
            ["aws", "ecr", *arguments, "--output", "json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=CALL_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotYetError(f"aws ecr {arguments[0]} gave no answer") from None
    except OSError as error:
        raise UnreadableError(f"the AWS CLI cannot be run: {error}") from None
    if done.returncode:
        message = clean(done.stderr[-1000:], 1000) or f"aws exited with {done.returncode}"
        code = re.search(r"An error occurred \((\w+)\)", message)
        if code and code.group(1) == "ScanNotFoundException":
            raise NotYetError("there is no scan of this image; is the repository scanned on push?")
        if TRANSIENT.search(code.group(1) if code else message):
            raise NotYetError(message)
        if "inspector2:" in message:
            message += (
                " The registry has enhanced scanning: say so by ScanGate(enhanced_scanning=True) or"
                " scan.enhanced_scanning in the settings."
            )
        raise UnreadableError(message)
    try:
        return expect(dict, json.loads(done.stdout), "document")
    except ValueError:
        raise UnreadableError(f"aws ecr {arguments[0]} answered with no JSON") from None


def in_repository(repository: Repository) -> list[str]:
    """Give the options that name the repository."""
    return [
        *("--region", repository.region),
        *("--registry-id", repository.account),
        *("--repository-name", repository.name),
    ]


def read_images(aws: Aws, repository: Repository, image: Image) -> list[Image]:
    """Find what can run behind a digest: ECR scans the images of an index, not the index."""
    reply = aws(
        "batch-get-image",
        *in_repository(repository),
        *("--image-ids", f"imageDigest={image.digest}"),
        *("--accepted-media-types", *INDEXES, *MANIFESTS),
    )
    images = expect(list, reply.get("images"), "images")
    if not images:
        raise UnreadableError(
            f"ECR has no image {image.digest}: {clean(reply.get('failures'), 200)}"
        )
    try:
        manifest = expect(dict, json.loads(images[0]["imageManifest"]), "manifest")
    except (ValueError, TypeError, KeyError):
        raise UnreadableError(f"the manifest of {image.digest} is not readable") from None
    if "manifests" not in manifest:
        return [image]
    found = []
    for entry in expect(list, manifest["manifests"], "image index"):
        entry = expect(dict, entry, "image index")
        platform = expect(dict, entry.get("platform") or {}, "platform")
        named = [platform.get(key) for key in ("os", "architecture", "variant")]
        # Attestations. Their annotation alone would not do: an image of a real platform could
        # carry it too, would run, and would not have been looked at.
        if named[:2] == ["unknown", "unknown"]:
            continue
        child = Image(
            expect(str, entry.get("digest"), "digest"),
            clean("/".join(str(part) for part in named if part)) or "unnamed",
        )
        nested = entry.get("mediaType") in INDEXES
        found += read_images(aws, repository, child) if nested else [child]
    if not found:
        raise UnreadableError(f"the image index {image.digest} holds no image that can run")
    return found


def read_scan(aws: Aws, repository: Repository, image: Image) -> Scan:
    """Read all findings of one image, or raise NotYetError."""
    findings: list[Finding] = []
    counts: dict[str, Any] = {}
    completed = False
    enhanced = False
    tokens: list[str] = []
    while True:
        # Page by page: older releases of the CLI merge the pages themselves and then lose all
        # enhanced findings but the first page's.
        page = aws(
            "describe-image-scan-findings",
            *in_repository(repository),
            *("--image-id", f"imageDigest={image.digest}"),
            "--no-paginate",
            *(("--next-token", tokens[-1]) if tokens else ()),
        )
        check_status(page, image)
        found = expect(dict, page.get("imageScanFindings"), "findings")
        completed = completed or bool(found.get("imageScanCompletedAt"))
        enhanced = enhanced or "enhancedFindings" in found
        counts.update(expect(dict, found.get("findingSeverityCounts") or {}, "counts"))
        findings += parse_findings(found, image)
        token = page.get("nextToken")
        if not token:
            break
        if token in tokens:
            raise UnreadableError("ECR's pages of findings do not end")
        tokens.append(expect(str, token, "page"))
    # The status can say that a scan is done before its findings are there.
    if not findings and not completed:
        raise NotYetError("the scan is said to be done, but has neither findings nor a time")
    listed = {finding.severity for finding in findings}
    missing = [name for name in SEVERITIES if counts.get(name) and name not in listed]
    if missing:
        raise NotYetError(f"findings are counted but not listed yet: {', '.join(missing)}")
    once = completed and not enhanced and page["imageScanStatus"]["status"] == "COMPLETE"
    return Scan(tuple(sorted(findings)), final=once)


def check_status(page: dict[str, Any], image: Image) -> None:
    """Accept a page of a scan that is done, and of no other image."""
    answered = expect(dict, page.get("imageId") or {}, "image").get("imageDigest", image.digest)
    if answered != image.digest:
        raise UnreadableError(f"ECR answered for another image, {clean(answered, 80)}")
    scan = expect(dict, page.get("imageScanStatus"), "scan status")
    status = clean(scan.get("status")) or "missing"
    said = clean(scan.get("description"), 200)
    text = f"the scan's status is {status}" + (f" ({said})" if said else "")
    if status in RUNNING:
        raise NotYetError(text)
    if status not in READY:
        raise UnreadableError(f"{text}; {ADVICE.get(status, 'look at the image in ECR')}")


def parse_findings(found: dict[str, Any], image: Image) -> list[Finding]:
    """Bring the findings of one page into one shape."""
    result = []
    for item in expect(list, found.get("findings") or [], "findings"):
        finding = expect(dict, item, "finding")
        pairs = expect(list, finding.get("attributes") or [], "attributes")
        attributes = {
            pair.get("key"): pair.get("value")
            for pair in (expect(dict, pair, "attribute") for pair in pairs)
        }
        result.append(
            Finding(
                id=clean(finding.get("name")) or "unnamed",
                severity=clean(finding.get("severity")).upper() or "UNKNOWN",
                package=clean(attributes.get("package_name")),
                installed=clean(attributes.get("package_version")),
                fixed_in="",
                fix="UNKNOWN",
                link=clean(finding.get("uri"), 160),
                **asdict(image),
            )
        )
    for item in expect(list, found.get("enhancedFindings") or [], "findings"):
        finding = expect(dict, item, "finding")
        details = expect(dict, finding.get("packageVulnerabilityDetails") or {}, "finding")
        packages = [
            expect(dict, package, "package")
            for package in expect(list, details.get("vulnerablePackages") or [], "packages")
        ]
        fixed_in = joined(packages, "fixedInVersion")
        result.append(
            Finding(
                id=clean(details.get("vulnerabilityId") or finding.get("title")) or "unnamed",
                severity=clean(finding.get("severity")).upper() or "UNKNOWN",
                package=joined(packages, "name"),
                installed=joined(packages, "version"),
                fixed_in="" if fixed_in == "NotAvailable" else fixed_in,
                fix=clean(finding.get("fixAvailable")).upper() or "UNKNOWN",
                link=clean(details.get("sourceUrl"), 160),
                **asdict(image),
            )
        )
    return result


def joined(packages: Sequence[dict[str, Any]], key: str) -> str:
    """Name each distinct value of some packages once."""
    return clean(", ".join(dict.fromkeys(clean(p.get(key)) for p in packages if p.get(key))))


def judge(findings: Sequence[Finding], settings: Settings, today: dt.date) -> Judgement:
    """Say which findings block, and what keeps the others from it."""
    judgement = Judgement([], [], [], [], [])
    holding: dict[str, Allowance] = {}
    lapsed: dict[str, Allowance] = {}
    for entry in sorted(settings.allow, key=lambda entry: entry.expires):
        (holding if today <= entry.expires else lapsed)[entry.id.casefold()] = entry
        if entry.expires < today:
            judgement.expired.append(entry)
    seen = {finding.id.casefold() for finding in findings}
    judgement.unmatched.extend(e for e in settings.allow if e.id.casefold() not in seen)
    blocks = SEVERITIES[: SEVERITIES.index(settings.threshold) + 1]
    worst_first = {name: place for place, name in enumerate(SEVERITIES)}
    for finding in sorted(findings, key=lambda f: (worst_first.get(f.severity, -1), f)):
        key = finding.id.casefold()
        if finding.severity in (*SEVERITIES, *UNRATED) and finding.severity not in blocks:
            continue
        if key in holding:
            judgement.allowed.append((finding, holding[key]))
        elif settings.fixable_only and finding.fix == "NO":
            judgement.unfixable.append(finding)
        elif key in lapsed:
            judgement.blocking.append((finding, f"allowed only until {lapsed[key].expires}"))
        elif finding.severity not in SEVERITIES:
            judgement.blocking.append((finding, "severity is not known"))
        else:
            judgement.blocking.append((finding, f"{settings.threshold} and above block"))
    return judgement


def table(heading: Sequence[str], rows: Sequence[Sequence[str]], most: int) -> list[str]:
    """Align some rows without columns that are empty in all; say how many rows more there are."""
    used = [place for place in range(len(heading)) if any(row[place] for row in rows)]
    shown = [[row[place] or "-" for place in used] for row in (heading, *rows[: max(most, 0)])]
    widths = [max(map(len, column)) for column in zip(*shown)]  # noqa: B905 - 3.9
    lines = []
    for row in shown:
        cells = (cell.ljust(width) for cell, width in zip(row, widths))  # noqa: B905 - 3.9
        lines.append("  " + "  ".join(cells).rstrip())
    more = len(rows) + 1 - len(shown)
    return lines + ([f"  ... and {more} more, see the artifact"] if more else [])


def render(judgement: Judgement) -> list[str]:
    """Write down what blocks and why, and what does not although it could."""
    lines: list[str] = []
    if judgement.blocking:
        blocking = [
            (f.id, f.severity, f.package, f.installed, f.fixed_in, f.platform, why, f.link)
            for f, why in judgement.blocking
        ]
        heading = ["ID", "SEVERITY", "PACKAGE", "INSTALLED", "FIXED IN", "PLATFORM", "WHY", "LINK"]
        lines += ["Blocking:", *table(heading, blocking, MOST_ROWS), ""]
    if judgement.allowed:
        allowed = [
            (f.id, f.severity, f.package, f.platform, str(entry.expires), clean(entry.reason, 120))
            for f, entry in judgement.allowed
        ]
        heading = ["ID", "SEVERITY", "PACKAGE", "PLATFORM", "UNTIL", "REASON"]
        lines += ["Allowed:", *table(heading, allowed, MOST_ROWS - len(judgement.blocking)), ""]
    if judgement.unfixable:
        lines.append(f"Not blocking, as no fix is known: {names(judgement.unfixable)}")
    if judgement.expired:
        entries = ", ".join(f"{clean(e.id)} (until {e.expires})" for e in judgement.expired)
        lines.append(f"Expired in the allow-list: {entries}")
    if judgement.unmatched:
        lines.append(f"In the allow-list without a finding: {names(judgement.unmatched)}")
    return lines


def names(entries: Sequence[Finding] | Sequence[Allowance]) -> str:
    """Name each entry once, as far as one line goes."""
    return clean(", ".join(dict.fromkeys(clean(entry.id) for entry in entries)), 500)


def tally(findings: Sequence[Finding]) -> dict[str, int]:
    """Count findings by severity, the worst first and the unknown at the end."""
    counts = Counter(finding.severity for finding in findings)
    order = [*SEVERITIES, *sorted(set(counts) - set(SEVERITIES))]
    return {name: counts[name] for name in order if counts[name]}


def counted(findings: Sequence[Finding]) -> str:
    """Say how many findings there are, and of which severities."""
    by_severity = ", ".join(f"{name} {count}" for name, count in tally(findings).items())
    noun = "finding" if len(findings) == 1 else "findings"
    return f"{len(findings)} {noun}" + (f" ({by_severity})" if by_severity else "")


class Wait:
    """One time limit for all that a build waits for; asks again and again, less and less often."""

    def __init__(
        self, settings: Settings, now: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self.limit, self.first_pause = settings.max_wait, settings.poll_interval
        self.now, self.sleep = now, sleep
        self.start = self.said = now()

    def until(self, read: Callable[[], T]) -> T:
        """Return what `read` returns as soon as it no longer raises NotYetError."""
        pause = self.first_pause
        while True:
            try:
                return read()
            except NotYetError as state:
                waited = self.now() - self.start
                if waited >= self.limit:
                    raise UnreadableError(f"no result within {self.limit:.0f} s: {state}") from None
                if self.now() - self.said >= PROGRESS_EVERY:
                    self.said = self.now()
                    print(f"Still waiting after {waited:.0f} s: {state}", flush=True)
            self.sleep(min(pause, self.limit - waited))
            pause = min(pause * 1.5, LONGEST_PAUSE)


def settled(read: Callable[[], Scan]) -> Callable[[], Scan]:
    """Read twice what may still grow: enhanced findings can arrive after the status says done."""
    before: Optional[Scan] = None  # noqa: UP045 - 3.9

    def again() -> Scan:
        nonlocal before
        scan = read()
        if scan.final or scan == before:
            return scan
        before = scan
        raise NotYetError("the findings may still be arriving")

    return again


def utc_today() -> dt.date:
    """Give the day on which allow-list entries are judged."""
    return dt.datetime.now(dt.timezone.utc).date()  # noqa: UP017 - 3.9


def gate(
    environ: Mapping[str, str],
    *,
    aws: Aws = aws,
    today: Callable[[], dt.date] = utc_today,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run the gate; returns the exit status."""
    try:
        settings = parse_settings(environ.get("SCAN_GATE", ""))
    except UnreadableError as error:
        print(f"Scan gate: NO READABLE RESULT: {error}.")
        return 2
    digest = environ.get("IMAGE_DIGEST", "")
    images: list[Image] = []
    findings: list[Finding] = []
    problems: list[str] = []
    wait = Wait(settings, now, sleep)
    try:
        repository = parse_repository(environ.get("REPOSITORY_URI", ""))
        pushed = parse_digest(digest)
        remove(settings.artifact)
        print(f"Waiting up to {settings.max_wait:.0f} s for ECR's scan of {digest}", flush=True)
        images = wait.until(lambda: read_images(aws, repository, pushed))
    except UnreadableError as error:
        problems.append(str(error))
    read: list[Image] = []
    for image in images:
        try:
            scan = wait.until(settled(partial(read_scan, aws, repository, image)))
        except UnreadableError as error:
            problems.append(f"{image.platform} {image.digest}: {error}".strip())
        else:
            read.append(image)
            findings += scan.findings
    judgement = judge(findings, settings, today())
    if read:
        print("\n".join(["", *render(judgement)]))
        written = {
            "repository": environ["REPOSITORY_URI"],
            "digest": digest,
            "images": [asdict(image) for image in read],
            "verdict": "unreadable" if problems else "blocked" if judgement.blocking else "passed",
            "problems": problems,
            "mode": "enforce" if settings.enforce else "report",
            "threshold": settings.threshold,
            "fixable_only": settings.fixable_only,
            **record(findings, judgement),
        }
        try:
            Path(settings.artifact).write_text(json.dumps(written, indent=2) + "\n", "utf-8")
        except OSError as error:
            problems.append(f"the findings cannot be written: {error}")
    print(conclude(findings, judgement, problems, settings))
    if not settings.enforce:
        return 0
    return 2 if problems else 1 if judgement.blocking else 0


def remove(artifact: str) -> None:
    """Leave no findings that came with the source."""
    try:
        Path(artifact).unlink(missing_ok=True)
    except OSError as error:
        raise UnreadableError(f"the findings cannot be written: {error}") from None


def record(findings: Sequence[Finding], judgement: Judgement) -> dict[str, Any]:
    """Give the findings and what becomes of them as plain data."""
    return {
        "counts": tally(findings),
        "blocking": [{**asdict(finding), "why": why} for finding, why in judgement.blocking],
        "allowed": [
            {**asdict(finding), "reason": entry.reason, "expires": str(entry.expires)}
            for finding, entry in judgement.allowed
        ],
        "unfixable": [asdict(finding) for finding in judgement.unfixable],
        "expired": [entry.id for entry in judgement.expired],
        "unmatched": [entry.id for entry in judgement.unmatched],
        "findings": [asdict(finding) for finding in findings],
    }


def conclude(
    findings: Sequence[Finding], judgement: Judgement, problems: Sequence[str], settings: Settings
) -> str:
    """Say in one line how it ends."""
    gate = "Scan gate" if settings.enforce else "Scan gate (report only, nothing is stopped)"
    if problems:
        return f"{gate}: NO READABLE RESULT: {'; '.join(problems)}."
    if judgement.blocking:
        blocking = counted([finding for finding, _ in judgement.blocking])
        return (
            f"{gate}: BLOCKED by {blocking}; update what contains them, "
            "or allow each with a reason and a last day."
        )
    return f"{gate}: PASSED with {counted(findings)}, none of which blocks."


if __name__ == "__main__":
    # What is found may hold letters that the build's locale lacks.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(gate(os.environ))
