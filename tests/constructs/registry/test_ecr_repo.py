import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Match, Template

from container_pipelines import SEED_IMAGE, EcrRepo
from local.emulator.registry.lifecycle import expired

REPOSITORY = "AWS::ECR::Repository"


def test_tags_are_immutable_but_for_the_cache_and_images_are_scanned(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    EcrRepo(stack, "Images", repository_name="my-app")
    template(stack).has_resource(
        REPOSITORY,
        {
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "RepositoryName": "my-app",
                "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "ImageTagMutabilityExclusionFilters": [
                    {
                        "ImageTagMutabilityExclusionFilterType": "WILDCARD",
                        "ImageTagMutabilityExclusionFilterValue": tag,
                    }
                    for tag in ("buildcache*", "live", "previous")
                ],
                "ImageScanningConfiguration": {"ScanOnPush": True},
                "EncryptionConfiguration": Match.absent(),  # ECR encrypts with AES-256 then
            },
        },
    )


def lifecycle(rendered: Template) -> dict[str, Any]:
    (repository,) = rendered.find_resources(REPOSITORY).values()
    policy: dict[str, Any] = json.loads(
        repository["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"]
    )
    return policy


def image(name: str, age: int, *tags: str, parts: tuple[str, ...] = ()) -> dict[str, Any]:
    """An image as the local registry has it, pushed so many days ago."""
    manifests = [{"digest": part} for part in parts]
    return {
        "imageDigest": name,
        "imageTags": [*tags],
        "imagePushedAt": (1000 - age) * 86400,
        "imageManifest": json.dumps({"manifests": manifests} if parts else {}),
    }


def test_what_is_live_and_what_was_stay_however_many_builds_go_by(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    EcrRepo(stack, "Images", repository_name="my-app")
    policy = lifecycle(template(stack))
    builds = [image(f"build {age}", age, f"c{age}") for age in range(40)]
    marked = [
        image("live", 300, "a1", "live", parts=("live for amd64", "live for arm64")),
        image("live for amd64", 300),
        image("live for arm64", 300),
        image("previous", 400, "b1", "previous", parts=("previous for amd64",)),
        image("previous for amd64", 400),
    ]
    others = [
        image("long ago", 500, "d1", parts=("long ago for amd64",)),
        image("long ago for amd64", 500),
        image("cache", 10, "buildcache"),
        image("cache of a branch", 90, "buildcache-old"),
        image("newest build, never released", 90, "e1", "buildcache-image"),
    ]
    gone = expired(policy, [*builds, *marked, *others], now=1000 * 86400)
    # Of the newest thirty one is the cache, which has a rule of its own and counts here as well.
    assert set(gone) == {
        *(f"build {age}" for age in range(29, 40)),
        "long ago",
        "long ago for amd64",
        "cache of a branch",
    }


def test_the_lifecycle_spares_the_cache_and_keeps_the_newest_images(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    EcrRepo(
        stack, "Images", repository_name="my-app", images_to_keep=5, untagged_days=2, cache_days=9
    )
    policy = lifecycle(template(stack))
    live, previous, cached, cache, untagged, releases = (
        rule["selection"] for rule in policy["rules"]
    )
    assert [rule["rulePriority"] for rule in policy["rules"]] == [1, 2, 3, 4, 5, 6]
    marks = ((live, "live"), (previous, "previous"), (cached, "buildcache-image"))
    for selection, tag in marks:
        assert (selection["tagPatternList"], selection["countNumber"]) == ([tag], 1)
    assert (cache["tagPatternList"], cache["countNumber"]) == (["buildcache*"], 9)
    assert (untagged["tagStatus"], untagged["countNumber"]) == ("untagged", 2)
    assert (releases["tagPatternList"], releases["countType"]) == (["*"], "imageCountMoreThan")
    assert releases["countNumber"] == 5


def test_the_pointer_is_created_with_the_seed_image_and_retained(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    repo = EcrRepo(stack, "Images", repository_name="team/my-app")
    assert repo.image_pointer.parameter_name == "/container-pipelines/team/my-app/image"
    template(stack).has_resource(
        "Custom::ImagePointer",
        {
            "DeletionPolicy": "RetainExceptOnCreate",
            "Properties": {
                "Create": Match.serialized_json(
                    Match.object_like(
                        {
                            "parameters": Match.object_like(
                                {
                                    "Name": "/container-pipelines/team/my-app/image",
                                    "Value": SEED_IMAGE,
                                }
                            )
                        }
                    )
                )
            },
        },
    )


def test_pointer_name_and_seed_can_be_chosen(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    EcrRepo(
        stack,
        "Images",
        repository_name="my-app",
        image_parameter_name="/my/pointer",
        seed_image="example.com/seed:1",
    )
    parameters = {"Name": "/my/pointer", "Value": "example.com/seed:1"}
    call = Match.object_like({"parameters": Match.object_like(parameters)})
    template(stack).has_resource_properties(
        "Custom::ImagePointer", {"Create": Match.serialized_json(call)}
    )


def test_a_key_of_ones_own_encrypts(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    EcrRepo(stack, "Images", repository_name="my-app", encryption_key=kms.Key(stack, "Key"))
    template(stack).has_resource_properties(
        REPOSITORY,
        {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": Match.any_value()}},
    )


def test_the_key_that_aws_manages_can_be_asked_for(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    EcrRepo(stack, "Images", repository_name="my-app", encryption=ecr.RepositoryEncryption.KMS)
    template(stack).has_resource_properties(
        REPOSITORY, {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": Match.absent()}}
    )


@pytest.mark.parametrize(("grant", "pushes"), [("grant_pull", False), ("grant_pull_push", True)])
def test_grants_name_the_repository(
    stack: cdk.Stack,
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
    grant: str,
    pushes: bool,
) -> None:
    role = iam.Role(stack, "Grantee", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    getattr(EcrRepo(stack, "Images", repository_name="my-app"), grant)(role)
    on_repository, login = statements(stack, "Grantee")
    assert ("ecr:PutImage" in on_repository["Action"]) is pushes
    assert "ecr:BatchGetImage" in on_repository["Action"]
    assert "*" not in json.dumps(on_repository)
    assert (login["Action"], login["Resource"]) == ("ecr:GetAuthorizationToken", "*")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repository_name": "My-App"}, "'repository_name' must be 2 to 256 .* got 'My-App'"),
        ({"repository_name": "a"}, "'repository_name' must be 2 to 256 characters"),
        ({"repository_name": "a//b"}, "'repository_name'"),
        ({"repository_name": "-a"}, "'repository_name'"),
        ({"repository_name": "a" * 257}, "'repository_name'"),
        ({"images_to_keep": 1}, "'images_to_keep' must be from 2 .* got 1; omit it to keep 30"),
        ({"image_parameter_name": "/aws/x"}, "'parameter_name'"),
        ({"untagged_days": 366}, "'untagged_days' must be from 1 to 365, got 366"),
        ({"cache_days": 0}, "'cache_days' must be from 1 to 365, got 0"),
        ({"image_parameter_name": "pointer"}, "'parameter_name' must .* got 'pointer'"),
        ({"image_parameter_name": "/a/"}, "'parameter_name'"),
    ],
)
def test_bad_input_is_rejected(stack: cdk.Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EcrRepo(stack, "Images", **{"repository_name": "my-app", **options})


def test_the_pointers_name_must_be_plain(stack: cdk.Stack) -> None:
    name = cdk.Token.as_string({"Ref": "Name"})
    with pytest.raises(ValueError, match="'parameter_name' must be a plain string, got a token"):
        EcrRepo(stack, "Images", repository_name=name)


def test_what_becomes_of_it_can_be_chosen(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    EcrRepo(stack, "Images", repository_name="my-app", removal_policy=cdk.RemovalPolicy.DESTROY)
    template(stack).has_resource(REPOSITORY, {"DeletionPolicy": "Delete"})


def test_aes_and_a_key_contradict(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match="'encryption' must be KMS when 'encryption_key'"):
        EcrRepo(
            stack,
            "Images",
            repository_name="my-app",
            encryption=ecr.RepositoryEncryption.AES_256,
            encryption_key=kms.Key(stack, "Key"),
        )


def test_nothing_is_left_for_a_security_check_to_find(
    stack: cdk.Stack, nag: Callable[[cdk.Stack], list[str]]
) -> None:
    EcrRepo(stack, "Images", repository_name="my-app")
    assert nag(stack) == []
