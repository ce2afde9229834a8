"""What CodeDeploy deploys from, made of what CloudFormation registered last.

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
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from container_build.aws import Aws
from container_build.environment import clean_environment
from container_build.failure import BuildFailedError
from container_build.programs import AwsError, Programs
from container_build.settings import aws_domain
from container_build.source import DEPLOY_FILES, check_own_names

_PLACEHOLDER = "<IMAGE1_NAME>"
# CodePipeline takes 3 MB for the whole artifact.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
_MOST_BYTES = 3_000_000
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
"""What DescribeTaskDefinition returns and RegisterTaskDefinition does not take."""


def deploy_files(aws: Aws, parameter: str, image: str) -> dict[str, str]:
    """Make the three files.

    Parameters
    ----------
    aws
        Asks AWS.
    parameter
        The parameter's name.
    image
        The image by digest.

    Returns
    -------
    dict[str, str]
        Content by name.

    Raises
    ------
    BuildFailedError
        If something is missing or does not fit together.
    """
    answer = _ask(aws, "ssm", "GetParameter", {"Name": parameter})
    settings = _parsed(answer, parameter)
    revision = _expected(settings, "taskDefinition", str, parameter)
    container = _expected(settings, "container", str, parameter)
    app_spec = _expected(settings, "appSpec", dict, parameter)
    answer = _ask(aws, "ecs", "DescribeTaskDefinition", {"taskDefinition": revision})
    definition = _template(_expected(answer, "taskDefinition", dict, revision), container)
    files = {
        "taskdef.json": json.dumps(definition, indent=2, ensure_ascii=False) + "\n",
        # The only version that there is; JSON would have made 0 of it.
        "appspec.yaml": "version: 0.0\n" + _yaml(app_spec),
        "imageDetail.json": json.dumps({"ImageURI": image}) + "\n",
    }
    size = sum(len(content.encode()) for content in files.values())
    if size > _MOST_BYTES:
        raise _refused(f"the deploy files must be at most {_MOST_BYTES} bytes, got {size}")
    print(f"Prepared to deploy {revision} with {image}")
    return files


def write_deploy_files(environ: Mapping[str, str]) -> None:
    """Write the files where CodeBuild looks for them, for a buildspec of one's own.

    Parameters
    ----------
    environ
        The build's variables: ``DEPLOY_FILES_PARAMETER`` from the pipeline, ``IMAGE_URI`` from the
        buildspec.

    Raises
    ------
    BuildFailedError
        If a variable is missing, the image is not named by digest, or there is nothing to deploy.
    """
    for name in ("DEPLOY_FILES_PARAMETER", "IMAGE_URI", "CODEBUILD_SRC_DIR"):
        if not environ.get(name):
            raise _refused(f"the variable {name} is not set: start this build through its pipeline")
    image = environ["IMAGE_URI"]
    if not re.fullmatch(r"[^\s@]+@sha256:[0-9a-f]{64}", image):
        raise _refused(f"IMAGE_URI must name an image by digest, got {image!r}")
    source = Path(environ["CODEBUILD_SRC_DIR"]).resolve()
    check_own_names(source)
    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment(environ, source, Path(folder))
        aws = Aws(Programs(environment, Path(folder)), environment, aws_domain(image))
        files = deploy_files(aws, environ["DEPLOY_FILES_PARAMETER"], image)
    target = source / DEPLOY_FILES
    target.mkdir()
    for name, content in files.items():
        (target / name).write_text(content, encoding="utf-8")


def _template(definition: dict[str, Any], container: str) -> dict[str, Any]:
    """Make a task definition that CodePipeline registers with another image."""
    kept = {key: value for key, value in definition.items() if key not in READ_ONLY}
    containers = kept.get("containerDefinitions") or []
    names = [found.get("name") for found in containers]
    if names.count(container) != 1:
        raise _refused(
            f"the task definition must have the container {container!r}, got "
            f"{', '.join(map(str, names)) or 'none'}; deploy the service's stack again"
        )
    is_fargate = "FARGATE" in (kept.get("requiresCompatibilities") or [])
    if is_fargate and not kept.get("executionRoleArn"):
        raise _refused("the task definition must have an execution role, got none")
    kept["containerDefinitions"] = [
        {**found, "image": _PLACEHOLDER} if found.get("name") == container else found
        for found in containers
    ]
    if json.dumps(kept).count(_PLACEHOLDER) != 1:
        raise _refused(
            f"the task definition must not contain {_PLACEHOLDER}, which stands for the image"
        )
    return kept


def _yaml(document: Any, indent: int = 0) -> str:
    """Write a document of dictionaries, lists, texts and numbers as YAML."""
    space = " " * indent
    if isinstance(document, list):
        items = (_yaml(item, indent + 2) for item in document)
        return "".join(f"{space}- {item[indent + 2 :]}" for item in items)
    lines = []
    for key, value in document.items():
        nested = isinstance(value, (dict, list))
        rest = f"\n{_yaml(value, indent + 2)}" if nested else f" {json.dumps(value)}\n"
        lines.append(f"{space}{key}:{rest}")
    return "".join(lines)


def _ask(aws: Aws, service: str, operation: str, request: Mapping[str, str]) -> Any:
    try:
        return aws.ask(service, operation, request)
    except AwsError as error:
        raise _refused(str(error)) from None


def _parsed(answer: Any, parameter: str) -> Any:
    try:
        return json.loads(answer["Parameter"]["Value"])
    except (TypeError, KeyError, ValueError):
        raise _refused(
            f"the parameter {parameter} must hold what the service's stack writes; deploy that "
            f"stack again"
        ) from None


def _expected(document: Any, key: str, kind: type, source: str) -> Any:
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, kind) or not value:
        raise _refused(f"{source} must have {key!r}, got none; deploy the service's stack again")
    return value


def _refused(reason: str) -> BuildFailedError:
    return BuildFailedError(f"No deploy files: {reason}.")
