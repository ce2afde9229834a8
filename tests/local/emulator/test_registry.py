import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.driver import Emulator, Registry, eventually, queue


@pytest.fixture
def repository(emulator: Emulator) -> Callable[..., str]:
    """Create repositories."""

    def create(**properties: Any) -> str:
        template = {
            "Resources": {"R": {"Type": "AWS::ECR::Repository", "Properties": properties}},
            "Outputs": {"Name": {"Value": {"Ref": "R"}}},
        }
        return emulator.outputs(emulator.deploy(template))["Name"]

    return create


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer abc",
        "Basic !!!",
        "Basic " + base64.b64encode(b"AWS:guessed").decode(),
        "Basic " + base64.b64encode(b"AWS:").decode(),
    ],
)
@pytest.mark.parametrize("path", ["/v2/", "/v2/some/manifests/latest"])
def test_the_registry_demands_an_issued_token(
    emulator: Emulator, path: str, authorization: str
) -> None:
    status, answer, headers = emulator.http("GET", path, headers={"Authorization": authorization})
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic realm=")
    assert answer["errors"][0]["code"] == "UNAUTHORIZED"


def test_a_token_is_for_the_user_aws(emulator: Emulator) -> None:
    token = emulator.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    other = base64.b64encode(f"root:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {other}"}
    assert emulator.http("GET", "/v2/", headers=headers)[0] == 401
    assert Registry(emulator, "any").call("GET", "/v2/")[0] == 200


def test_an_image_that_was_pushed_can_be_pulled(
    emulator: Emulator, repository: Callable[..., str]
) -> None:
    registry = Registry(emulator, repository())
    assert registry.push("v1")[0] == 201
    path = f"/v2/{registry.repository}/manifests/v1"
    status, manifest, headers = registry.call("GET", path)
    assert status == 200
    digest = headers["Docker-Content-Digest"]
    assert registry.call("HEAD", f"/v2/{registry.repository}/manifests/{digest}")[0] == 200
    layer = manifest["layers"][0]["digest"]
    assert registry.call("GET", f"/v2/{registry.repository}/blobs/{layer}")[1] == b"layer"
    assert registry.call("HEAD", f"/v2/{registry.repository}/blobs/sha256:{'0' * 64}")[0] == 404
    details = emulator.client("ecr").describe_images(repositoryName=registry.repository)
    (image,) = details["imageDetails"]
    assert (image["imageTags"], image["imageDigest"]) == (["v1"], digest)
    assert image["imageSizeInBytes"] == len(b"{}") + len(b"layer")


def test_blobs_can_be_uploaded_in_chunks_and_mounted(
    emulator: Emulator, repository: Callable[..., str]
) -> None:
    registry, other = Registry(emulator, repository()), repository()
    _, _, headers = registry.call("POST", f"/v2/{registry.repository}/blobs/uploads/")
    upload = headers["Location"]
    status, _, headers = registry.call("PATCH", upload, b"first ", **{"Content-Range": "0-5"})
    assert (status, headers["Range"]) == (202, "0-5")
    assert registry.call("PATCH", upload, b"second", **{"Content-Range": "6-11"})[0] == 202
    digest = "sha256:" + hashlib.sha256(b"first second").hexdigest()
    wrong = registry.call("PUT", f"{upload}?digest=sha256:{'0' * 64}")
    assert wrong[0] == 400
    assert registry.call("PUT", f"{upload}?digest={digest}")[0] == 201
    mount = f"/v2/{other}/blobs/uploads/?mount={digest}&from={registry.repository}"
    assert registry.call("POST", mount)[0] == 201
    assert registry.call("GET", f"/v2/{other}/blobs/{digest}")[1] == b"first second"
    # Not there: an upload begins instead.
    absent = f"/v2/{other}/blobs/uploads/?mount=sha256:{'1' * 64}&from={registry.repository}"
    assert registry.call("POST", absent)[0] == 202


def test_an_index_can_be_pushed(emulator: Emulator, repository: Callable[..., str]) -> None:
    registry = Registry(emulator, repository())
    registry.push("single")
    path = f"/v2/{registry.repository}/manifests"
    digest = registry.call("HEAD", f"{path}/single")[2]["Docker-Content-Digest"]
    kind = "application/vnd.oci.image.index.v1+json"
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 9}
    index = {"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}
    body = json.dumps(index).encode()
    assert registry.call("PUT", f"{path}/many", body, **{"Content-Type": kind})[0] == 201
    status, answer, headers = registry.call("GET", f"{path}/many")
    assert (status, headers["Content-Type"]) == (200, kind)
    assert answer is not None


def test_immutable_tags_stay_and_excluded_ones_move(
    emulator: Emulator, repository: Callable[..., str]
) -> None:
    name = repository(
        ImageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        ImageTagMutabilityExclusionFilters=[
            {
                "ImageTagMutabilityExclusionFilterType": "WILDCARD",
                "ImageTagMutabilityExclusionFilterValue": "cache-*",
            }
        ],
    )
    ecr = emulator.client("ecr")
    (shown,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    assert shown["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert shown["imageTagMutabilityExclusionFilters"] == [
        {"filterType": "WILDCARD", "filter": "cache-*"}
    ]
    registry = Registry(emulator, name)
    for tag in ("v1", "cache-main"):
        assert registry.push(tag, b"old")[0] == 201
    assert registry.push("cache-main", b"new")[0] == 201
    status, answer = registry.push("v1", b"new")
    assert status == 400
    (error,) = answer["errors"]
    assert error["code"] == "TAG_INVALID"
    assert f"'v1' already exists in the '{name}' repository" in error["message"]
    assert registry.push("v2", b"new")[0] == 201

    manifest = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "v2"}])["images"][0]
    with pytest.raises(ClientError, match="ImageTagAlreadyExistsException"):
        ecr.put_image(repositoryName=name, imageManifest=manifest["imageManifest"], imageTag="v1")
    with pytest.raises(ClientError, match="ImageAlreadyExistsException"):
        ecr.put_image(repositoryName=name, imageManifest=manifest["imageManifest"], imageTag="v2")
    ecr.put_image(repositoryName=name, imageManifest=manifest["imageManifest"], imageTag="v3")
    details = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v3"}])
    # The cache's tag went to the same content.
    assert set(details["imageDetails"][0]["imageTags"]) == {"v2", "v3", "cache-main"}


def test_images_are_listed_by_pages_and_deleted_by_tag(
    emulator: Emulator, repository: Callable[..., str]
) -> None:
    name = repository(EmptyOnDelete=True)
    registry = Registry(emulator, name)
    for number in range(3):
        registry.push(f"v{number}", str(number).encode())
    ecr = emulator.client("ecr")
    pages = list(
        ecr.get_paginator("list_images").paginate(
            repositoryName=name, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(each["imageIds"]) for each in pages] == [2, 1]
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "v0"}])
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v0"}])
    assert registry.call("GET", f"/v2/{name}/manifests/v0")[0] == 404


def test_scan_on_push_finds_nothing_by_default(
    emulator: Emulator, repository: Callable[..., str]
) -> None:
    name = repository(ImageScanningConfiguration={"ScanOnPush": True})
    ecr = emulator.client("ecr")
    Registry(emulator, name).push("v1")
    image: dict[str, Any] = {"repositoryName": name, "imageId": {"imageTag": "v1"}}
    answer = ecr.describe_image_scan_findings(**image)
    assert answer["imageScanStatus"]["status"] == "COMPLETE"
    assert answer["imageScanFindings"]["findings"] == []
    with pytest.raises(ClientError, match="LimitExceededException"):
        ecr.start_image_scan(**image)


def test_findings_can_be_set_before_and_after_the_push(
    emulator: Emulator, repository: Callable[..., str]
) -> None:
    name = repository(ImageScanningConfiguration={"ScanOnPush": True})
    ecr = emulator.client("ecr")
    registry = Registry(emulator, name)

    def find(*severities: str, **more: Any) -> None:
        findings = [{"name": f"CVE-{n}", "severity": each} for n, each in enumerate(severities)]
        query = {"digest": more.pop("digest")} if "digest" in more else {}
        body = json.dumps({"findings": findings, **more}).encode()
        status, answer = emulator.local("POST", "scan-findings", body, repository=name, **query)
        assert status == 200, answer

    def counts(tag: str) -> Any:
        findings = ecr.describe_image_scan_findings(repositoryName=name, imageId={"imageTag": tag})
        return findings["imageScanFindings"]["findingSeverityCounts"]

    find("CRITICAL", "HIGH", "HIGH")
    registry.push("v1", b"1")
    assert counts("v1") == {"CRITICAL": 1, "HIGH": 2}
    (details,) = ecr.describe_images(repositoryName=name)["imageDetails"]
    assert details["imageScanFindingsSummary"]["findingSeverityCounts"]["HIGH"] == 2
    registry.push("v2", b"2")
    find("LOW", digest=details["imageDigest"])
    assert (counts("v1"), counts("v2")) == ({"LOW": 1}, {"CRITICAL": 1, "HIGH": 2})
    pages = list(
        ecr.get_paginator("describe_image_scan_findings").paginate(
            repositoryName=name, imageId={"imageTag": "v2"}, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(each["imageScanFindings"]["findings"]) for each in pages] == [2, 1]
    find(status="FAILED", description="the scanner broke")
    registry.push("v3", b"3")
    failed = ecr.describe_image_scan_findings(repositoryName=name, imageId={"imageTag": "v3"})
    assert failed["imageScanStatus"] == {"status": "FAILED", "description": "the scanner broke"}
    assert "imageScanFindings" not in failed


def test_scans_by_hand(emulator: Emulator, repository: Callable[..., str]) -> None:
    name = repository()
    registry, ecr = Registry(emulator, name), emulator.client("ecr")
    registry.push("v1")
    image: dict[str, Any] = {"repositoryName": name, "imageId": {"imageTag": "v1"}}
    with pytest.raises(ClientError, match="ScanNotFoundException"):
        ecr.describe_image_scan_findings(**image)
    assert ecr.start_image_scan(**image)["imageScanStatus"]["status"] == "IN_PROGRESS"
    ecr.get_waiter("image_scan_complete").wait(**image)
    with pytest.raises(ClientError, match="LimitExceededException"):
        ecr.start_image_scan(**image)
    registry.push("cache", b"cache", image=False)
    with pytest.raises(ClientError, match="UnsupportedImageTypeException"):
        ecr.start_image_scan(repositoryName=name, imageId={"imageTag": "cache"})
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.start_image_scan(repositoryName=name, imageId={"imageTag": "absent"})
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        ecr.start_image_scan(repositoryName="absent", imageId={"imageTag": "v1"})


def test_a_scan_is_an_event(emulator: Emulator, repository: Callable[..., str]) -> None:
    template = {
        "Resources": {
            **queue("Queue"),
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {"source": ["aws.ecr"]},
                    "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
                },
            },
        },
        "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
    }
    url = emulator.outputs(emulator.deploy(template))["Url"]
    name = repository(ImageScanningConfiguration={"ScanOnPush": True})
    Registry(emulator, name).push("v1")
    sqs = emulator.client("sqs")
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    detail = json.loads(message["Body"])["detail"]
    assert (detail["repository-name"], detail["scan-status"]) == (name, "COMPLETE")
    assert detail["image-tags"] == ["v1"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"findings": 1}'])
def test_wrong_findings_are_refused(emulator: Emulator, body: bytes) -> None:
    status, answer = emulator.local("POST", "scan-findings", body, repository="any")
    assert status == 400
    assert "findings" in answer["message"]


def test_a_preview_of_the_lifecycle_tells_what_would_expire(emulator: Emulator) -> None:
    ecr = emulator.client("ecr")
    name = emulator.new_name("kept")
    ecr.create_repository(repositoryName=name)
    for tag in ("one", "two", "live"):
        ecr.put_image(repositoryName=name, imageManifest=f'{{"tag": "{tag}"}}', imageTag=tag)
    with pytest.raises(ClientError, match="LifecyclePolicyNotFoundException"):
        ecr.start_lifecycle_policy_preview(repositoryName=name)
    with pytest.raises(ClientError, match="LifecyclePolicyPreviewNotFoundException"):
        ecr.get_lifecycle_policy_preview(repositoryName=name)
    rules = [
        {
            "rulePriority": priority,
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": [pattern],
                "countType": "imageCountMoreThan",
                "countNumber": 1,
            },
            "action": {"type": "expire"},
        }
        for priority, pattern in ((1, "live"), (2, "*"))
    ]
    text = json.dumps({"rules": rules})
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    assert ecr.start_lifecycle_policy_preview(repositoryName=name)["status"] == "IN_PROGRESS"
    found = ecr.get_lifecycle_policy_preview(repositoryName=name)
    # Which of them is the newest is not said: they were pushed in one second.
    expiring = [tag for each in found["previewResults"] for tag in each["imageTags"]]
    assert expiring
    assert {*expiring} <= {"one", "two"}
    assert found["status"] == "COMPLETE"
    assert found["summary"] == {"expiringImageTotalCount": len(expiring)}
    assert {each["appliedRulePriority"] for each in found["previewResults"]} == {2}
