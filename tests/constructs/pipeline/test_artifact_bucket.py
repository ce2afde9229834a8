from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from container_pipelines import ArtifactBucket

PRIVATE = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}


def test_it_is_private_encrypted_kept_and_emptied_by_itself(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    ArtifactBucket(stack, "Artifacts")
    rendered = template(stack)
    rendered.has_resource(
        "AWS::S3::Bucket",
        {
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "PublicAccessBlockConfiguration": PRIVATE,
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                    ]
                },
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                            "ExpirationInDays": 90,
                            "Status": "Enabled",
                        }
                    ]
                },
                "LoggingConfiguration": Match.absent(),
            },
        },
    )
    denied = {
        "Action": "s3:*",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Resource": Match.any_value(),
    }
    without_tls = {"Bool": {"aws:SecureTransport": "false"}}
    old_tls = {"NumericLessThan": {"s3:TlsVersion": 1.2}}
    statements = [{**denied, "Condition": condition} for condition in (without_tls, old_tls)]
    rendered.has_resource_properties(
        "AWS::S3::BucketPolicy", {"PolicyDocument": {"Statement": statements}}
    )


def test_a_key_and_a_place_for_access_logs_of_ones_own(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    key = kms.Key(stack, "Key")
    logs = s3.Bucket(stack, "Logs")
    ArtifactBucket(
        stack,
        "Artifacts",
        encryption_key=key,
        server_access_logs_bucket=logs,
        expiration=cdk.Duration.days(1),
    )
    template(stack).has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "BucketKeyEnabled": True,
                        "ServerSideEncryptionByDefault": {
                            "KMSMasterKeyID": stack.resolve(key.key_arn),
                            "SSEAlgorithm": "aws:kms",
                        },
                    }
                ]
            },
            "LoggingConfiguration": {
                "DestinationBucketName": stack.resolve(logs.bucket_name),
                "LogFilePrefix": "artifacts/",
            },
            "LifecycleConfiguration": {"Rules": [Match.object_like({"ExpirationInDays": 1})]},
        },
    )


@pytest.mark.parametrize(
    ("expiration", "got"),
    [
        (cdk.Duration.days(0), "0 days"),
        (cdk.Duration.hours(12), "12 hours"),
        (cdk.Duration.hours(36), "1 day 12 hours"),
    ],
)
def test_artifacts_expire_after_whole_days(
    stack: cdk.Stack, expiration: cdk.Duration, got: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"'expiration' must be from 1 day .* in whole days, got {got}; omit"
    ):
        ArtifactBucket(stack, "Artifacts", expiration=expiration)


def test_an_expiration_that_only_the_deployment_knows_is_not_checked(stack: cdk.Stack) -> None:
    days = cdk.CfnParameter(stack, "Days", type="Number")
    ArtifactBucket(stack, "Artifacts", expiration=cdk.Duration.days(days.value_as_number))


def test_the_bucket_is_an_ordinary_one(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    ArtifactBucket(stack, "Artifacts").grant_read(role)
    template(stack).resource_count_is("AWS::IAM::Policy", 1)
