"""Errors that most teams meet once, recognised by their own words, and what to do about each.

The anchors are those of ``docs/troubleshooting.md``.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about an error.

    Attributes
    ----------
    anchor
        Where the troubleshooting page says more.
    pattern
        How the error is recognised, in its first words that never vary.
    text
        What to do, in one or two sentences.
    """

    anchor: str
    pattern: re.Pattern[str]
    text: str


def _advice(anchor: str, pattern: str, text: str) -> Advice:
    return Advice(anchor, re.compile(pattern, re.IGNORECASE), text)


# The special before the general: the first that matches is given.
ADVICE: Final = (
    _advice(
        "connection-pending",
        r"connection[^\n]{0,80}(?:is not available|not in an available state|pending)"
        r"|unable to use connection",
        "The connection to the repository is pending or may not be used. Finish it in the console: "
        "Developer Tools, Settings, Connections, Update pending connection.",
    ),
    _advice(
        "docker-hub-rate-limit",
        r"toomanyrequests|reached your (?:unauthenticated )?pull rate limit",
        "Docker Hub limits anonymous pulls. Give the build a login (docker_hub), or pull base "
        "images from Amazon ECR Public or a pull-through cache.",
    ),
    _advice(
        "secret-unreadable",
        r"unable to pull secrets|ResourceInitializationError[^\n]{0,200}secret"
        r"|fetching secret data from",
        "The task's execution role cannot read a secret, or it does not exist. Check its name, the "
        "role, and kms:Decrypt if it has a KMS key; the subnet must reach Secrets Manager or SSM.",
    ),
    _advice(
        "cannot-pull-image",
        r"CannotPullContainer|pull image manifest has been retried|failed to pull image",
        "The task cannot pull its image. Check that the digest is still in the repository, that "
        "the execution role may pull it, and that the subnet reaches ECR and S3.",
    ),
    _advice(
        "ecr-login",
        r"no basic auth credentials|not authorized to perform: ecr:GetAuthorizationToken"
        r"|authorization token has expired",
        "The build is not logged in to ECR. Its role needs ecr:GetAuthorizationToken on *, and the "
        "login must be in the same build.",
    ),
    _advice(
        "push-denied",
        r"not authorized to perform: ecr:(?:InitiateLayerUpload|UploadLayerPart|CompleteLayerUpload"
        r"|PutImage|BatchCheckLayerAvailability)|denied: [^\n]{0,200}push",
        "The role may not push to the repository. Grant the push actions in its policy; for a "
        "repository of another account, in the repository's policy as well.",
    ),
    _advice(
        "immutable-tag",
        r"cannot be overwritten because the (?:tag|repository) is immutable|ImageTagAlreadyExists",
        "Two builds pushed one tag at the same moment. Run the build again.",
    ),
    _advice(
        "scan-findings",
        r"scan gate|blocking finding|severe vulnerabilities",
        "The image has known vulnerabilities. Update its base image or the package, or allow the "
        "finding with a reason and a date (build.scan.allow).",
    ),
    _advice(
        "unknown-container",
        r"container[^\n]{0,80}(?:is not in|not found in|does not exist in)[^\n]{0,40}"
        r"task definition|did not match any container name",
        "The build names a container that the task definition lacks. Let container_name be one of "
        "its containers.",
    ),
    _advice(
        "artifact-missing",
        r"did not find the image definition file"
        r"|no matching (?:base directory|artifact) paths found"
        r"|did not contain[^\n]{0,60}imagedefinitions\.json",
        "The build left no imagedefinitions.json. Its log says which step failed before it.",
    ),
    _advice(
        "unhealthy",
        r"failed (?:ELB|container) health checks|(?:is|are) unhealthy in|health checks failed",
        "Tasks start but do not get healthy. Check the health check's path, the container's port, "
        "the grace period, and the container's own log.",
    ),
    _advice(
        "permission-denied",
        r"exec:? [^\n]{1,120}: permission denied|/(?:ba)?sh: [^\n]{1,120}: permission denied"
        r"|did not complete successfully: exit code: 126",
        "A program lacks its executable bit, which the source's zip does not keep. Let the "
        "Dockerfile set it (COPY --chmod=755) or hand the build a clone (source.full_clone).",
    ),
    _advice(
        "task-exits",
        r"essential container in task exited|OutOfMemoryError|exit code (?:137|139|1)\b",
        "The container exits. Read its log; exit code 137 mostly means too little memory.",
    ),
    _advice(
        "capacity",
        r"RESOURCE:(?:FARGATE|CPU|MEMORY|ENI)|capacity is unavailable|unable to place a task",
        "AWS has no capacity for the task at the moment. Try again, allow more availability zones, "
        "or another capacity provider.",
    ),
    _advice(
        "deployment-timeout",
        r"deployment[^\n]{0,60}(?:timed out|time-?out|did not stabili[sz]e|exceeded)"
        r"|tasks failed to start|circuit breaker",
        "New tasks did not get healthy in time. Look at the service's events, the target group's "
        "health and the container's log.",
    ),
    _advice(
        "access-denied",
        r"is not authorized to perform: [\w:-]+|AccessDenied",
        "A role lacks a permission; the message names role, action and resource. Add the statement "
        "to that role.",
    ),
    _advice(
        "build-timeout",
        r"build timed out|BUILD_TIMED_OUT|timed out waiting for the build",
        "The build takes longer than it may. Check that its cache works, or raise the project's "
        "time-out.",
    ),
    _advice(
        "dockerfile",
        r"failed to solve",
        "The image cannot be built; the log shows the Dockerfile's line. Try docker build on your "
        "machine.",
    ),
)


def advise(*texts: str) -> Advice | None:
    """Find what to do.

    Parameters
    ----------
    *texts
        Title, reason and log, in the order in which they are to be trusted.

    Returns
    -------
    Advice or None
        The first piece of advice that fits the first text that any fits.
    """
    for text in texts:
        for advice in ADVICE:
            if advice.pattern.search(text):
                return advice
    return None
