"""The artifacts of executions, in the artifact bucket of their pipeline."""

import json
import secrets
import string
from collections.abc import Mapping
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from local.emulator.builds.run import CLONE, Location
from local.emulator.clients import Clients
from local.emulator.scope import current

Call: TypeAlias = tuple[str, str, Mapping[str, str]]
"""Action, resource and condition keys, as IAM decides over them."""

_ALPHABET = string.ascii_letters + string.digits


class Artifacts:
    """The artifact store of one pipeline.

    Parameters
    ----------
    clients
        Clients of the emulator.
    pipeline
        Its declaration.
    """

    def __init__(self, clients: Clients, pipeline: Mapping[str, Any]) -> None:
        self._clients = clients
        self._pipeline = pipeline["name"]
        store = pipeline.get("artifactStore") or pipeline["artifactStores"][current().region]
        self._bucket: str = store["location"]
        self._key: str | None = store.get("encryptionKey", {}).get("id")

    def new(self, name: str) -> Location:
        """Return a place for an artifact, named as CodePipeline names it."""
        unique = "".join(secrets.choice(_ALPHABET) for _ in range(7))
        return Location(self._bucket, f"{self._pipeline[:20]}/{name[:10]}/{unique}")

    def put(self, location: Location, packed: bytes, *, clone: Call | None = None) -> None:
        """Store an artifact; of a clone with the call that a build makes to get it."""
        encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._key} if self._key else {}
        )
        self._clients("s3").put_object(
            Bucket=location.bucket,
            Key=location.key,
            Body=packed,
            Metadata={CLONE: json.dumps(clone)} if clone else {},
            **encryption,
        )

    def get(self, location: Location) -> bytes | None:
        """Return an artifact, or None where nobody has put it."""
        try:
            found = self._clients("s3").get_object(Bucket=location.bucket, Key=location.key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        body: bytes = found["Body"].read()
        return body
