"""The app with `existing_service`: releases to a service of somebody else's template."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.cloud import ACCOUNT, Cloud
from stacks import Settings, add_delivery_stacks
from tests.local.apps import new_app
from tests.local.releases.shops import CLUSTER
from tests.local.shops.deployment import deploy
from tests.local.shops.shop import DEAD, SEED, Pointer, Shop, fails

pytestmark = pytest.mark.e2e

NAME = "imported"
DELIVERY = {
    "name": NAME,
    "services": [
        {
            "name": NAME,
            "source": {"type": "github", "repository": f"shops/{NAME}"},
            "build": {
                "dockerfile": f"services/{NAME}/Dockerfile",
                "context": f"services/{NAME}",
            },
            "existing_service": {
                "cluster_name": CLUSTER,
                "service_name": NAME,
                "container_name": "web",
                "task_role_arns": [
                    f"arn:aws:iam::{ACCOUNT}:role/web-task",
                    f"arn:aws:iam::{ACCOUNT}:role/web-execution",
                ],
            },
        }
    ],
}


def _template(word: str) -> str:
    container = {
        "Name": "web",
        "Image": f"{{{{resolve:ssm:/container-pipelines/{NAME}/image}}}}",
        "Environment": [{"Name": "PORT", "Value": "3000"}, {"Name": "WORD", "Value": word}],
        "PortMappings": [{"ContainerPort": 3000}],
        "StopTimeout": 2,
    }
    definition = {
        "Family": NAME,
        "Cpu": "256",
        "Memory": "512",
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "ContainerDefinitions": [container],
    }
    service = {
        "Cluster": CLUSTER,
        "ServiceName": NAME,
        "LaunchType": "FARGATE",
        "DesiredCount": 1,
        "TaskDefinition": {"Ref": "Definition"},
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
        "DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}},
    }
    resources = {
        "Definition": {"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        "Service": {"Type": "AWS::ECS::Service", "Properties": service},
    }
    return json.dumps({"Resources": resources})


@pytest.fixture
def imported(
    engine: Cloud, new_shop: Callable[[str], Shop], tmp_path: Path
) -> tuple[Shop, Callable[[str], None]]:
    """The shop, and what deploys its own template with a value of the variable WORD."""
    app = new_app(tmp_path / "cdk.out")
    add_delivery_stacks(app, Settings.from_context(DELIVERY))
    app.synth()
    deploy(engine, tmp_path / "cdk.out")
    shop = Shop(engine, NAME, CLUSTER)
    formation = shop.client("cloudformation")
    formation.create_stack(StackName="not-ours", TemplateBody=_template("one"))
    formation.get_waiter("stack_create_complete").wait(
        StackName="not-ours", WaiterConfig={"Delay": 1}
    )

    def update(word: str) -> None:
        formation.update_stack(StackName="not-ours", TemplateBody=_template(word))
        formation.get_waiter("stack_update_complete").wait(
            StackName="not-ours", WaiterConfig={"Delay": 1}
        )

    return shop, update


def test_an_imported_service_is_released_to_recorded_and_keeps_its_image(
    imported: tuple[Shop, Callable[[str], None]],
) -> None:
    shop, update = imported
    shop.runs_only(SEED)
    first = shop.release()
    assert (first.status, list(first.stages)) == ("Succeeded", ["Source", "Build", "Deploy"])
    image = shop.image_of(first.id)
    assert shop.pointer() == Pointer(live=image, previous=SEED)
    shop.runs_only(image)
    (said,) = shop.answers()

    update("another")
    shop.runs_only(image)
    assert shop.answers() == [{**said, "word": "another"}]

    with shop.unchanged():
        fails(shop.release(DEAD), "Deploy", "circuit breaker")

    second = shop.release()
    assert second.status == "Succeeded"
    live = shop.image_of(second.id)
    assert shop.pointer() == Pointer(live=live, previous=image)
    assert shop.start(IMAGE="previous").status == "Succeeded"
    assert shop.pointer() == Pointer(live=image, previous=live)
    assert shop.answers() == [{**said, "word": "another"}]
