"""Events of image scans, by ECR and by Amazon Inspector."""

from collections.abc import Mapping

from slack_notifier import console
from slack_notifier.event import Event, after, text
from slack_notifier.notice import Notice, Outcome


# docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html and
# docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
def scan(event: Event) -> Notice | None:
    """Read the end of an image scan, basic or enhanced."""
    # Inspector calls the repository by its ARN, Amazon ECR by its name.
    repository = after(event.get("repository-name"), ":repository/")
    status, digest = event.get("scan-status"), event.get("image-digest")
    if not (repository and status):
        return None
    counts = event.detail.get("finding-severity-counts")
    found = {
        severity: int(number)
        for severity in ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")
        if isinstance(counts, Mapping) and (number := text(counts, severity)).isdecimal()
    }
    tags = event.detail.get("image-tags")
    if "COMPLETE" not in status and status != "ACTIVE":
        outcome, title = Outcome.FAILED, "Image could not be scanned"
    elif found.get("CRITICAL", 0) or found.get("HIGH", 0):
        outcome, title = Outcome.FAILED, "Image has severe vulnerabilities"
    else:
        outcome, title = Outcome.SUCCEEDED, "Image scanned"
    return event.notice(
        outcome,
        repository,
        title,
        facts=[
            ("Findings", ", ".join(f"{n} {severity}" for severity, n in found.items() if n)),
            ("Tags", ", ".join(filter(None, map(str, tags))) if isinstance(tags, list) else ""),
            ("Image", digest),
        ],
        reason=""
        if outcome is Outcome.SUCCEEDED or "COMPLETE" in status
        else f"Scan status {status}",
        links=console.image(event.region, event.account, repository, digest),
    )
