"""What a pipeline has recorded as live."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_ssm import SSMClient


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """The image pointer of a pipeline.

    Attributes
    ----------
    parameter
        The parameter's name.
    image
        What it holds.
    """

    parameter: str
    image: str


def recorded_by(pipelines: CodePipelineClient, ssm: SSMClient, pipeline: str) -> Recorded | None:
    """Read the image pointer that a pipeline's recorder writes.

    Parameters
    ----------
    pipelines, ssm
        The clients of CodePipeline and Parameter Store.
    pipeline
        The pipeline's name.

    Returns
    -------
    Recorded or None
        The pointer, or None for a pipeline that records nothing.
    """
    for stage in pipelines.get_pipeline(name=pipeline)["pipeline"]["stages"]:
        for action in stage["actions"]:
            if action["actionTypeId"]["provider"] != "Lambda":
                continue
            given = _parameters(action.get("configuration", {}).get("UserParameters", ""))
            if name := given.get("pointer"):
                value = ssm.get_parameter(Name=name)["Parameter"]["Value"]
                return Recorded(parameter=name, image=value)
    return None


def _parameters(text: str) -> dict[str, str]:
    """Read a function's parameters; those of others may be any text."""
    try:
        given = json.loads(text)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}
