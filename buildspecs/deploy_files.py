"""Write the files that CodeDeploy deploys from, out of what CloudFormation registered last.

Called in a build as ``python3 deploy_files.py``, with nothing but Python's standard library (3.9 or
later) and the AWS CLI. Set by the pipeline: ``DEPLOY_FILES_PARAMETER``; set by the build:
``IMAGE_URI``. The build's role needs ``ssm:GetParameter`` on the parameter and
``ecs:DescribeTaskDefinition``.

The parameter is JSON of the service's stack: ``taskDefinition``, the revision that CloudFormation
registered, ``container``, the one that gets the image, and ``appSpec``. Each ``cdk deploy`` changes
it, and releases do not: so what is deployed has the settings of the stack, however many revisions
releases have registered since.

====================  ==========================================================================
written               content
====================  ==========================================================================
``taskdef.json``      the revision, with ``<IMAGE1_NAME>`` for the container's image
``appspec.yaml``      the AppSpec; CodePipeline fills ``<TASK_DEFINITION>`` in
``imageDetail.json``  the image by digest
====================  ==========================================================================

They go to ``.container-deploy-files``, and only all together. Exit status: 0 written, 1 refused,
with the reason on standard error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(".container-deploy-files")
PLACEHOLDER = "<IMAGE1_NAME>"
# CodePipeline takes 3 MB for the whole artifact.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
MOST_BYTES = 3_000_000
CALL_TIMEOUT = 60.0
# What DescribeTaskDefinition tells and RegisterTaskDefinition does not take.
READ_ONLY = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)


class RefusedError(Exception):
    """Nothing can be deployed, for the reason that it gives."""


def main() -> None:
    """Write the three files into an empty folder, or none.

    Raises
    ------
    RefusedError
        If something is missing or does not fit together.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    image = variable("IMAGE_URI")
    if not re.fullmatch(r"[^\s@]+@sha256:[0-9a-f]{64}", image):
        raise RefusedError(f"IMAGE_URI must name an image by digest, got {image!r}")
    parameter = variable("DEPLOY_FILES_PARAMETER")
    settings = parsed(
        aws("ssm", "get-parameter", "--name", parameter, "--query", "Parameter.Value"), parameter
    )
    revision, container, app_spec = (
        expected(settings, key, kind, parameter)
        for key, kind in (("taskDefinition", str), ("container", str), ("appSpec", dict))
    )
    answer = aws("ecs", "describe-task-definition", "--task-definition", revision)
    definition = template(expected(json.loads(answer), "taskDefinition", dict, revision), container)
    files = {
        "taskdef.json": json.dumps(definition, indent=2, ensure_ascii=False) + "\n",
        # The only version that there is; JSON would have made 0 of it.
        "appspec.yaml": "version: 0.0\n" + yaml(app_spec),
        "imageDetail.json": json.dumps({"ImageURI": image}) + "\n",
    }
    size = sum(len(content.encode()) for content in files.values())
    if size > MOST_BYTES:
        raise RefusedError(f"the deploy files must be at most {MOST_BYTES} bytes, got {size}")
    FOLDER.mkdir()
    for name, content in files.items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    print(f"Deploying {revision} with {image}")


def template(definition: dict[str, Any], container: str) -> dict[str, Any]:
    """Make a task definition that CodePipeline registers with another image.

    Parameters
    ----------
    definition
        What ECS knows of the revision.
    container
        The container that gets the image.

    Returns
    -------
    dict[str, Any]
        What RegisterTaskDefinition takes.

    Raises
    ------
    RefusedError
        If it has no such container, no execution role, or the placeholder elsewhere.
    """
    kept = {key: value for key, value in definition.items() if key not in READ_ONLY}
    containers = kept.get("containerDefinitions") or []
    names = [found.get("name") for found in containers]
    if names.count(container) != 1:
        raise RefusedError(
            f"the task definition must have the container {container!r}, got "
            f"{', '.join(map(str, names)) or 'none'}; deploy the service's stack again"
        )
    if "FARGATE" in (kept.get("requiresCompatibilities") or []) and not kept.get(
        "executionRoleArn"
    ):
        raise RefusedError("the task definition must have an execution role, got none")
    kept["containerDefinitions"] = [
        {**found, "image": PLACEHOLDER} if found.get("name") == container else found
        for found in containers
    ]
    if json.dumps(kept).count(PLACEHOLDER) != 1:
        raise RefusedError(
            f"the task definition must not contain {PLACEHOLDER}, which stands for the image"
        )
    return kept


def yaml(document: Any, indent: int = 0) -> str:
    """Write a document of dictionaries, lists, texts and numbers as YAML.

    Parameters
    ----------
    document
        The document.
    indent
        How far it is indented.

    Returns
    -------
    str
        Its lines.
    """
    space = " " * indent
    if isinstance(document, list):
        items = (yaml(item, indent + 2) for item in document)
        return "".join(f"{space}- {item[indent + 2 :]}" for item in items)
    lines = []
    for key, value in document.items():
        nested = isinstance(value, (dict, list))
        rest = f"\n{yaml(value, indent + 2)}" if nested else f" {json.dumps(value)}\n"
        lines.append(f"{space}{key}:{rest}")
    return "".join(lines)


def aws(*arguments: str) -> str:
    """Ask AWS by its CLI.

    Parameters
    ----------
    *arguments
        What follows ``aws``.

    Returns
    -------
    str
        The answer, JSON.

    Raises
    ------
    RefusedError
        If the CLI fails.
    """
    call = f"aws {arguments[0]} {arguments[1]}"
    try:
        done = subprocess.run(
            ["aws", *arguments, "--output", "json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=CALL_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RefusedError(f"{call} gave no answer; start the build again") from None
    except OSError as error:
        raise RefusedError(f"the AWS CLI cannot be run: {error}") from None
    if done.returncode:
        raise RefusedError(f"{call} failed: {done.stderr.strip()[-1000:]}")
    return done.stdout


def parsed(answer: str, parameter: str) -> Any:
    """Read the JSON text that a parameter holds; the answer is that text as JSON."""
    try:
        return json.loads(json.loads(answer))
    except (TypeError, ValueError):
        raise RefusedError(
            f"the parameter {parameter} must hold what the service's stack writes; deploy that "
            f"stack again"
        ) from None


def expected(document: Any, key: str, kind: type, source: str) -> Any:
    """Take a value that must be there, and of a kind."""
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, kind) or not value:
        raise RefusedError(
            f"{source} must have {key!r}, got none; deploy the service's stack again"
        )
    return value


def variable(name: str) -> str:
    """Take an environment variable that must be set."""
    value = os.environ.get(name)
    if not value:
        raise RefusedError(f"the variable {name} is not set: start this build through its pipeline")
    return value


if __name__ == "__main__":
    try:
        main()
    except RefusedError as refusal:
        sys.exit(f"No deploy files: {refusal}.")
