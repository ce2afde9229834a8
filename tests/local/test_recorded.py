"""What a pipeline has recorded, for pipelines with a recorder and without."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from local.recorded import Recorded, recorded_by

Clients = tuple[Any, Any]


def _text(given: Mapping[str, str] | str) -> str:
    return given if isinstance(given, str) else json.dumps(given)


@pytest.fixture
def clients() -> Callable[..., Clients]:
    """Clients of a pipeline with one stage of Lambda actions, by their user parameters."""

    def clients(*parameters: Mapping[str, str] | str | None, image: str = "") -> Clients:
        session = boto3.Session("1", "1", region_name="eu-central-1")
        pipelines, ssm = session.client("codepipeline"), session.client("ssm")
        actions = [
            {
                "name": f"Action{number}",
                "actionTypeId": {
                    "category": "Invoke",
                    "owner": "AWS",
                    "provider": "Lambda",
                    "version": "1",
                },
                "configuration": {} if given is None else {"UserParameters": _text(given)},
            }
            for number, given in enumerate(parameters)
        ]
        declared = {"name": "shop", "roleArn": "arn:aws:iam::111122223333:role/r"}
        stages = [{"name": "Deploy", "actions": actions}]
        pipeline_stub, ssm_stub = Stubber(pipelines), Stubber(ssm)
        pipeline_stub.add_response(
            "get_pipeline", {"pipeline": {**declared, "stages": stages}}, {"name": "shop"}
        )
        ssm_stub.add_response("get_parameter", {"Parameter": {"Value": image}}, {"Name": "/image"})
        pipeline_stub.activate()
        ssm_stub.activate()
        return pipelines, ssm

    return clients


def test_the_recorders_action_is_found_among_others(clients: Callable[..., Clients]) -> None:
    found = clients(
        None, "words", "[]", {"image": "x"}, {"pointer": "/image"}, image="shop@sha256:1"
    )
    assert recorded_by(*found, "shop") == Recorded(parameter="/image", image="shop@sha256:1")


def test_a_pipeline_without_a_recorder_has_recorded_nothing(
    clients: Callable[..., Clients],
) -> None:
    assert recorded_by(*clients(None, {"image": "x"}), "shop") is None
