"""The record of a build, as BatchGetBuilds shows it while the build goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.emulator.events import emit
from local.emulator.service import store

builds = store()


class PhaseError(Exception):
    """A phase ended badly, and the build with it.

    Parameters
    ----------
    status
        Of phase and build, such as ``FAILED``.
    code
        CodeBuild's code for the cause, such as ``YAML_FILE_ERROR``.
    message
        The cause, for people.
    """

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class BuildRecord:
    """The record of one build.

    A change replaces the record in the store: a request that reads it meanwhile sees either.

    Parameters
    ----------
    build_id
        Of a build in the store.
    """

    def __init__(self, build_id: str) -> None:
        self._id = build_id

    @property
    def fields(self) -> dict[str, Any]:
        """The record as it is now."""
        fields: dict[str, Any] = builds[self._id]
        return fields

    def update(self, **changes: Any) -> None:
        """Change fields."""
        builds[self._id] = {**self.fields, **changes}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Record a phase around a block of code."""
        started = time.time()
        self.update(currentPhase=name)
        try:
            yield
        except PhaseError as error:
            self.add_phase(name, error.status, started, error.code, str(error))
            raise
        self.add_phase(name, "SUCCEEDED", started)

    def add_phase(
        self,
        name: str,
        status: str,
        started: float,
        code: str = "",
        message: str = "",
        seconds: float | None = None,
    ) -> None:
        """Record a phase that is over; it takes the place of one of that name."""
        seconds = time.time() - started if seconds is None else seconds
        phase = {
            "phaseType": name,
            "phaseStatus": status,
            "startTime": started,
            "endTime": started + seconds,
            "durationInSeconds": int(seconds),
            "contexts": [{"statusCode": code, "message": message}],
        }
        others = [each for each in self.fields["phases"] if each["phaseType"] != name]
        self.update(phases=[*others, phase])

    def start(self) -> None:
        """Tell EventBridge that the build runs."""
        self._emit()

    def finish(self, status: str) -> None:
        """Record how the build ended, and tell EventBridge."""
        now = time.time()
        self.update(
            currentPhase="COMPLETED",
            phases=[*self.fields["phases"], {"phaseType": "COMPLETED", "startTime": now}],
            endTime=now,
            buildComplete=True,
            buildStatus=status,
        )
        self._emit()

    def _emit(self) -> None:
        build = self.fields
        emit(
            "aws.codebuild",
            "CodeBuild Build State Change",
            {
                "build-status": build["buildStatus"],
                "project-name": build["projectName"],
                "build-id": build["arn"],
                "current-phase": build["currentPhase"],
                "current-phase-context": "[]",
                "version": "1",
                "additional-information": {
                    "build-complete": build["buildComplete"],
                    "build-number": float(build["buildNumber"]),
                    "build-start-time": time.strftime(
                        "%b %d, %Y %I:%M:%S %p", time.gmtime(build["startTime"])
                    ),
                    "initiator": build["initiator"],
                    "timeout-in-minutes": float(build["timeoutInMinutes"]),
                    "source-version": build.get("sourceVersion", ""),
                    "source": {
                        "type": build["source"]["type"],
                        "location": build["source"].get("location", ""),
                    },
                    "environment": {
                        "image": build["environment"]["image"],
                        "privileged-mode": build["environment"].get("privilegedMode", False),
                        "compute-type": build["environment"]["computeType"],
                        "type": build["environment"]["type"],
                        "environment-variables": build["environment"].get(
                            "environmentVariables", []
                        ),
                    },
                    "logs": {
                        "group-name": build["logs"].get("groupName", ""),
                        "stream-name": build["logs"].get("streamName", ""),
                        "deep-link": build["logs"].get("deepLink", ""),
                    },
                    "phases": [
                        {
                            "phase-type": phase["phaseType"],
                            "phase-status": phase.get("phaseStatus", ""),
                            "duration-in-seconds": float(phase.get("durationInSeconds", 0)),
                            "phase-context": [
                                f"{context['statusCode']}: {context['message']}"
                                for context in phase.get("contexts", [])
                            ],
                        }
                        for phase in build["phases"]
                    ],
                },
            },
            [build["arn"]],
        )
