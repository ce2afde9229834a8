"""Questions that are answered by looking at what the scenarios have brought about."""

import datetime as dt
import json
from typing import Final

from acceptance.errors import NotAnswerableError
from acceptance.run import Run

_CACHE_TAG: Final = "buildcache"


def circuit_breaker(run: Run) -> str:
    """Say how the deploy action ended after the circuit breaker."""
    return _noted(run.noted.circuit_breaker, "bad image")


def bake(run: Run) -> str:
    """Say how the deploy action ended in relation to the bake time."""
    return _noted(run.noted.bake, "blue/green forward")


def rules(run: Run) -> str:
    """Say which rules of the listener a deployment by CodeDeploy has changed."""
    return _noted(run.noted.rules, "blue/green by CodeDeploy")


def cache_scan(run: Run) -> str:
    """Say what ECR says of the scan of the layer cache."""
    images = run.aws.pages(
        "ecr", "describe_images", "imageDetails", repositoryName=run.names.rolling
    )
    for image in images:
        if _CACHE_TAG in image.get("imageTags", ()):
            kind = image.get("artifactMediaType") or image.get("imageManifestMediaType", "")
            status = image.get("imageScanStatus")
            if status is None:
                return f"the cache ({kind}) has no status of a scan"
            said = f": {status['description']}" if status.get("description") else ""
            return f"the cache ({kind}) has the status {status['status']}{said}"
    raise NotAnswerableError(f"{run.names.rolling} has no image with the tag {_CACHE_TAG}")


def build_role(run: Run) -> str:
    """Say whether builds have run by a role without permissions for the bucket."""
    pipeline = run.aws("codepipeline").get_pipeline(name=run.names.rolling)["pipeline"]
    action = next(
        action
        for stage in pipeline["stages"]
        for action in stage["actions"]
        if action["actionTypeId"]["provider"] == "CodeBuild"
    )
    iam, role = run.aws("iam"), action["roleArn"].rpartition("/")[2]
    names = run.aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=role)
    documents = [
        json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for name in names
    ]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    if attached or any('"s3:' in document for document in documents):
        raise NotAnswerableError(f"the role {role} is allowed to use S3 in this version of the app")
    if not run.noted.builds:
        raise NotAnswerableError("no release has been built")
    return f"no: {run.noted.builds} releases were built, and handed on, by a role without it"


def duration_unit(run: Run) -> str:
    """Say which unit and which value CloudWatch has of a release's duration."""
    client = run.aws("cloudwatch")
    found = run.aws.pages(
        "cloudwatch",
        "list_metrics",
        "Metrics",
        Namespace="AWS/CodePipeline",
        MetricName="PipelineDuration",
    )
    now = dt.datetime.now(dt.UTC)
    for metric in found:
        values = {dimension["Value"] for dimension in metric["Dimensions"]}
        pipeline = next((name for name in run.names.services if name in values), None)
        if pipeline is None:
            continue
        points = client.get_metric_statistics(
            Namespace="AWS/CodePipeline",
            MetricName="PipelineDuration",
            Dimensions=metric["Dimensions"],
            StartTime=now - dt.timedelta(hours=6),
            EndTime=now,
            Period=300,
            Statistics=["Maximum"],
        )["Datapoints"]
        if points:
            longest = max(run.noted.durations.get(pipeline, [0.0]))
            point = max(points, key=lambda each: each["Maximum"])
            return (
                f"{point['Unit']}: the longest of {pipeline} has the value {point['Maximum']:g}, "
                f"and took {longest:.0f} s"
            )
    raise NotAnswerableError("CloudWatch has no data point of it for this run's pipelines")


def _noted(seen: str, scenario: str) -> str:
    if not seen:
        raise NotAnswerableError(f"the scenario '{scenario}' did not get that far")
    return seen
