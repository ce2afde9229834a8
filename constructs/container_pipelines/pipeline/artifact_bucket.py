"""The bucket through which a pipeline's actions hand files on."""

from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._checks import check_duration
from container_pipelines._types import checked

_MOST_DAYS: Final = 2**31 - 1
_FINDINGS: Final = {
    "S3BucketReplicationEnabled": "Artifacts pass from one action to the next and then expire; "
    "what is lost is built anew from its commit.",
    "S3BucketVersioningEnabled": "CodePipeline gives each artifact a key of its own, so there is "
    "one version of it; a second one would outlive the expiration.",
}
_NO_ACCESS_LOGS: Final = (
    "Only the roles of the pipeline reach its artifacts, which expire; CloudTrail's data events "
    "record who reads them, where they are on. 'server_access_logs_bucket' has S3 log it as well."
)
_WITHOUT_ACCESS_LOGS: Final = dict.fromkeys(
    ("AwsSolutions-S1", "S3BucketLoggingEnabled"), _NO_ACCESS_LOGS
)
_WITHOUT_KEY: Final = {
    "S3DefaultEncryptionKMS": "S3 encrypts every artifact, with keys of its own. 'encryption_key' "
    "takes a KMS key, which costs by the month and by its use.",
}
_KEY_FINDINGS: Final = dict.fromkeys(
    (
        "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]",
        "AwsSolutions-IAM5[Action::kms:ReEncrypt*]",
    ),
    "What AWS lists for artifacts under a key of one's own; for that key alone.",
)


@checked()
class ArtifactBucket(s3.Bucket):
    """A bucket for pipeline artifacts: private, encrypted, TLS only, with an expiration.

    A pipeline makes its own bucket unless it is given one. Pipelines that share a bucket **trust
    each other with their deployments**: the build of each may read and overwrite everything in it,
    so also the deploy files of the others. Their roles cannot be kept apart by key, since
    CodePipeline cuts a pipeline's name to 20 characters there. A bucket costs nothing while idle.

    Without a key it is encrypted by S3, so that no pipeline needs a KMS key.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    encryption_key
        A KMS key instead of S3's own encryption. Grant it to your roles that read
        artifacts; the pipelines of this library grant it to theirs.
    expiration
        The time after which an artifact is deleted; 90 days by default. A stage can only be rolled
        back or retried while its artifacts are there.
    server_access_logs_bucket
        Where S3 logs each access; nowhere by default.

    Raises
    ------
    ValueError
        If artifacts expire after less than a day, or after a part of one.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        encryption_key: kms.IKey | None = None,
        expiration: Duration | None = None,
        server_access_logs_bucket: s3.IBucket | None = None,
    ) -> None:
        if expiration is not None:
            check_duration(
                "expiration",
                expiration,
                minimum=1,
                maximum=_MOST_DAYS,
                default="keep artifacts for 90 days",
                unit="days",
            )
        encryption = s3.BucketEncryption
        super().__init__(
            scope,
            construct_id,
            encryption=encryption.KMS if encryption_key is not None else encryption.S3_MANAGED,
            encryption_key=encryption_key,
            bucket_key_enabled=True if encryption_key is not None else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            server_access_logs_bucket=server_access_logs_bucket,
            server_access_logs_prefix="artifacts/" if server_access_logs_bucket else None,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=expiration or Duration.days(90),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
        acknowledge(
            self,
            _FINDINGS
            | ({} if server_access_logs_bucket else _WITHOUT_ACCESS_LOGS)
            | ({} if encryption_key else _WITHOUT_KEY),
        )


class ArtifactAccess:
    """Grants on a pipeline's artifacts, for the roles that hand them on.

    These are the actions that AWS lists for a pipeline's roles, where the grants of
    :class:`aws_cdk.aws_s3.Bucket` allow whole families such as ``s3:GetObject*`` and deleting.

    Parameters
    ----------
    bucket
        The artifact bucket.

    Attributes
    ----------
    findings
        What is found about the grants, and why it is right; to be acknowledged for the roles.
    wildcards
        The same of resources with a wildcard.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    """

    def __init__(self, bucket: s3.IBucket) -> None:
        self._bucket_arn = bucket.bucket_arn
        self._objects_arn = bucket.arn_for_objects("*")
        self._key = bucket.encryption_key
        self.findings = _KEY_FINDINGS if self._key is not None else {}
        self.wildcards = {
            self._objects_arn: "CodePipeline chooses the keys of artifacts. The bucket holds "
            "nothing else: the one pipeline's, unless its owner lets pipelines that share it trust "
            "each other."
        }

    def grant(self, role: iam.Role | iam.Policy, *, write: bool) -> None:
        """Allow to take artifacts and, for what makes some, to put them.

        Parameters
        ----------
        role
            The role of the pipeline, of one of its actions, or of a build; or a policy of it.
        write
            Whether it writes artifacts too.
        """
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
            resource_arns=[self._bucket_arn],
        )
        read = ["s3:GetObject", "s3:GetObjectVersion"]
        iam.Grant.add_to_principal(
            grantee=role,
            actions=[*read, "s3:PutObject", "s3:PutObjectAcl"] if write else read,
            resource_arns=[self._objects_arn],
        )
        if self._key is not None:
            self._key.grant_encrypt_decrypt(role) if write else self._key.grant_decrypt(role)
