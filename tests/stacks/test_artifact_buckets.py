"""What a build hands on decides what runs: none but a pipeline's own roles reach its bucket."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Templates = Callable[[dict[str, Any]], dict[str, Any]]

POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
BUILD = {
    "secret_parameters": {"npm": "/shop/npm"},
    "test_command": ["npm", "test"],
    "sbom_generator": "my/generator:1",
    "docker_hub": {},
    "scan": {"enhanced_scanning": True},
}
RELEASE = {
    "approval": {"topic_arn": "arn:aws:sns:eu-west-1:111122223333:releases"},
    "deployment_window": {"cron": "* * 9-16 ? * MON-THU *"},
    "alarms": {"names": ["errors"], "watch_minutes": 15},
    "retry_build": True,
    "on_failure": "ROLLBACK",
}
EXISTING = {
    "cluster_name": "my-cluster",
    "service_name": "legacy",
    "container_name": "app",
    "task_role_arns": ["arn:aws:iam::111122223333:role/ecsTaskRole"],
}


def service(name: str, **settings: Any) -> dict[str, Any]:
    source = {"type": "github", "repository": f"acme/{name}", "full_clone": True}
    return {"name": name, "source": source, "build": BUILD, "release": RELEASE, **settings}


def blue_green(name: str, engine: str, priority: int, path: str) -> dict[str, Any]:
    settings = {"engine": engine, "probe": {}}
    rule = {"priority": priority, "path_pattern": path}
    return service(name, strategy="blue-green", blue_green=settings, **rule)


EVERYTHING = {
    "name": "acme",
    "platform": {"test_port": 8080},
    # CodePipeline cuts names to 20 characters in the keys of artifacts: these two would be alike.
    "services": [
        service("a-shop-with-a-long-name-one", priority=1, path_pattern="/one/*"),
        blue_green("a-shop-with-a-long-name-two", "ecs", 2, "/h*"),
        blue_green("shifted", "code-deploy", 3, "/*"),
        service(
            "legacy",
            source={"type": "codecommit", "repository": "legacy", "full_clone": True},
            existing_service=EXISTING,
        ),
    ],
    "monitoring": {"slack": {"parameter": "/delivery/slack"}, "emails": ["ops@example.com"]},
}


@pytest.fixture(scope="module", params=["sample", "everything"])
def made(
    request: pytest.FixtureRequest, templates: Templates, context: dict[str, Any]
) -> dict[str, Any]:
    return templates(context["delivery"] if request.param == "sample" else EVERYTHING)


def statements(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All that a template allows: policies, roles' own ones, and those of its buckets."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if resource["Type"] in (*POLICIES, "AWS::S3::BucketPolicy"):
            documents.append(properties["PolicyDocument"])
        for document in documents:
            yield from (s for s in document["Statement"] if s["Effect"] == "Allow")


def about_buckets(statement: dict[str, Any]) -> bool:
    actions = statement["Action"]
    actions = [actions] if isinstance(actions, str) else actions
    return any(action == "*" or action.startswith("s3:") for action in actions)


def pipelines(made: dict[str, Any]) -> dict[str, str]:
    """Stacks of pipelines -> the logical id of the artifact bucket."""
    found = {}
    for name, template in made.items():
        resources = template["Resources"]
        stores = [
            resource["Properties"]["ArtifactStore"]["Location"]["Ref"]
            for resource in resources.values()
            if resource["Type"] == "AWS::CodePipeline::Pipeline"
        ]
        for bucket in stores:
            assert resources[bucket]["Type"] == "AWS::S3::Bucket"
            found[name] = bucket
    return found


def test_each_pipeline_has_a_bucket_of_its_own_and_keeps_it(made: dict[str, Any]) -> None:
    found = pipelines(made)
    assert len(found) == sum(name.endswith("-pipeline") for name in made) >= 2
    for stack, logical_id in found.items():
        bucket = made[stack]["Resources"][logical_id]
        assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
        (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        assert rule["ExpirationInDays"] == 90


def test_no_role_of_a_stack_reaches_the_bucket_of_another_pipeline(made: dict[str, Any]) -> None:
    reached: set[tuple[str, str]] = set()
    for stack, template in made.items():
        own = {
            f'"Fn::GetAtt": ["{logical_id}", "Arn"]': logical_id
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] == "AWS::S3::Bucket"
        }
        for statement in filter(about_buckets, statements(template)):
            resources = statement["Resource"]
            for resource in resources if isinstance(resources, list) else [resources]:
                text = json.dumps(resource)
                named = {(stack, logical_id) for arn, logical_id in own.items() if arn in text}
                # Else the CDK's own: what functions and builds are made of.
                assert named or "cdk-hnb659fds-assets-" in text, (stack, resource)
                reached |= named
    assert set(pipelines(made).items()) <= reached


def test_no_stack_is_told_the_bucket_of_another(made: dict[str, Any]) -> None:
    found = pipelines(made)
    assert len(found) > 1
    for stack, bucket in found.items():
        outputs = json.dumps(made[stack].get("Outputs", {}))
        assert bucket not in outputs
