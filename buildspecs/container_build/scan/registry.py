"""Questions to Amazon ECR, and which failures may pass by themselves."""

from __future__ import annotations

import re
from typing import Any

from container_build.aws import Aws
from container_build.programs import AwsError, NoAnswerError
from container_build.scan.findings import NotYetError, UnreadableError, expect
from container_build.settings import Repository

_THROTTLED = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded")
_TRANSIENT = re.compile(
    r"ServerException|InternalFailure|InternalError|ServiceUnavailable|RequestTimeout"
    r"|Could not connect to the endpoint|[Tt]imeout on endpoint|Connection was closed"
)


class Registry:
    """Asks about the images of one repository.

    Parameters
    ----------
    aws
        Asks AWS.
    repository
        The repository.
    """

    def __init__(self, aws: Aws, repository: Repository) -> None:
        self._aws = aws
        self._region = repository.region
        self._named = {"registryId": repository.account, "repositoryName": repository.name}

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """Ask once.

        Parameters
        ----------
        operation
            The operation.
        **request
            Its parameters, without those that name the repository.

        Returns
        -------
        dict[str, Any]
            The answer.

        Raises
        ------
        NotYetError
            If the failure may pass by itself, or there is no scan yet.
        UnreadableError
            If it will not.
        """
        try:
            answer = self._aws.ask(
                "ecr", operation, {**self._named, **request}, self._region, is_patient=False
            )
        except NoAnswerError as error:
            raise NotYetError(str(error)) from None
        except AwsError as error:
            raise _failure(error) from None
        return expect(dict, answer, "document")


def _failure(error: AwsError) -> Exception:
    message = str(error)
    if error.code == "ScanNotFoundException":
        return NotYetError("there is no scan of this image; is the repository scanned on push?")
    if _THROTTLED.search(error.code or message):
        return NotYetError(message, is_throttled=True)
    if _TRANSIENT.search(error.code or message):
        return NotYetError(message)
    if "inspector2:" in message:
        message += (
            " The registry has enhanced scanning: say so by ScanGate(enhanced_scanning=True) or"
            " scan.enhanced_scanning in the settings."
        )
    return UnreadableError(message)
