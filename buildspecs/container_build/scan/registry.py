"""Questions to Amazon ECR, and which failures may pass by themselves."""

from __future__ import annotations

import re
from typing import Any

from container_build.programs import AwsError, NoAnswerError, Programs
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
    programs
        Runs the AWS CLI.
    repository
        The repository.
    """

    def __init__(self, programs: Programs, repository: Repository) -> None:
        self._programs = programs
        self._options = [
            *("--region", repository.region),
            *("--registry-id", repository.account),
            *("--repository-name", repository.name),
        ]

    def ask(self, operation: str, *options: str) -> dict[str, Any]:
        """Ask once.

        Parameters
        ----------
        operation
            The command of ``aws ecr``.
        *options
            Its options, without those that name the repository.

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
            answer = self._programs.aws("ecr", operation, *self._options, *options)
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
