"""Addresses of pages in the AWS console, for each partition and region.

AWS documents no scheme for them: these are the addresses that the console itself shows.
"""

import re
from urllib.parse import quote, unquote

from slack_notifier.notice import Link
from slack_notifier.redact import redact

_DOMAINS = (
    ("cn-", "console.amazonaws.cn"),
    ("us-gov-", "console.amazonaws-us-gov.com"),
    ("eusc-", "console.amazonaws-eusc.eu"),
    ("us-iso", ""),  # consoles of the isolated partitions have no public address
    ("eu-iso", ""),
)
_LONGEST_URL = 2000


def _page(label: str, region: str, path: str) -> tuple[Link, ...]:
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]{2,9}){1,2}-\d{1,2}", region):
        return ()
    matching = (domain for prefix, domain in _DOMAINS if region.startswith(prefix))
    if not (domain := next(matching, "console.aws.amazon.com")):
        return ()
    # A name that looks like a secret is hidden where it is shown: so it is here.
    if redact(unquote(path)) != unquote(path):
        return ()
    url = f"https://{region}.{domain}{path}"
    return (Link(label, url),) if len(url) <= _LONGEST_URL else ()


def _in_path(name: str) -> str:
    return quote(name, safe="")


def pipeline(region: str, name: str, execution: str = "") -> tuple[Link, ...]:
    """Link to a pipeline's execution, or to the pipeline."""
    if not name:
        return ()
    view = f"executions/{_in_path(execution)}/timeline" if execution else "view"
    path = f"/codesuite/codepipeline/pipelines/{_in_path(name)}/{view}?region={region}"
    return _page("Pipeline", region, path)


def build(region: str, account: str, build_id: str) -> tuple[Link, ...]:
    """Link to a build's log; ``build_id`` is ``project:uuid``."""
    project, _, rest = build_id.partition(":")
    if not (project and rest and account):
        return ()
    path = (
        f"/codesuite/codebuild/{_in_path(account)}/projects/{_in_path(project)}"
        f"/build/{_in_path(build_id)}/log?region={region}"
    )
    return _page("Build log", region, path)


def deployment(region: str, deployment_id: str) -> tuple[Link, ...]:
    """Link to a deployment of CodeDeploy."""
    if not deployment_id:
        return ()
    path = f"/codesuite/codedeploy/deployments/{_in_path(deployment_id)}?region={region}"
    return _page("Deployment", region, path)


def service(region: str, cluster: str, name: str) -> tuple[Link, ...]:
    """Link to what an ECS service has reported lately."""
    if not (cluster and name):
        return ()
    path = f"/ecs/v2/clusters/{_in_path(cluster)}/services/{_in_path(name)}/events?region={region}"
    return _page("Service", region, path)


def task(region: str, cluster: str, task_id: str) -> tuple[Link, ...]:
    """Link to an ECS task."""
    if not (cluster and task_id):
        return ()
    path = (
        f"/ecs/v2/clusters/{_in_path(cluster)}/tasks/{_in_path(task_id)}"
        f"/configuration?region={region}"
    )
    return _page("Task", region, path)


def image(region: str, account: str, repository: str, digest: str) -> tuple[Link, ...]:
    """Link to an image's findings."""
    if not (account and repository and digest):
        return ()
    path = (
        f"/ecr/repositories/private/{_in_path(account)}/{quote(repository)}"
        f"/_/image/{_in_path(digest)}/details?region={region}"
    )
    return _page("Findings", region, path)


def alarm(region: str, name: str) -> tuple[Link, ...]:
    """Link to a CloudWatch alarm."""
    if not name:
        return ()
    return _page(
        "Alarm", region, f"/cloudwatch/home?region={region}#alarmsV2:alarm/{_in_path(name)}"
    )
