"""Requests and answers held against AWS's models of its APIs, as botocore carries them.

An SDK drops what it does not know of an answer, and a service what it does not know of a request: a
member that is spelled wrong would never be missed. Both are errors here. Beside what botocore
checks before it sends a request (members, types, least sizes), values are held against the enums,
the patterns and the greatest sizes of the models.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any, Final

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator, ValidationErrors

# What the models say of sizes and patterns, they say of requests: AWS answers with empty lists too.
_OF_REQUESTS: Final = {"invalid length", "invalid range", "too much", "pattern"}
_INVALID_TYPE: Final = "invalid type"
# By which AWS's services refuse a request that is none; the first that the operation declares.
_REFUSALS: Final = ("ValidationException", "InvalidParameterException", "InvalidInputException")


class InvalidRequestError(ValueError):
    """A request is none of its operation; the message says where.

    Parameters
    ----------
    code
        The error code that AWS answers.
    message
        What is wrong, and where.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidAnswerError(RuntimeError):
    """An answer of the emulator is none of its operation; the message says where."""


def check_request(service: str, operation: str, request: Any) -> None:
    """Refuse a request that AWS's model of the operation does not have.

    Raises
    ------
    InvalidRequestError
        It has members that the operation does not take, lacks some that it needs, or one has a
        value of another type, size, pattern or enum.
    """
    model = _operation(service, operation)
    found = _problems(model.input_shape, request)
    if not found:
        return
    if any(reason == _INVALID_TYPE for reason, _ in found):
        code = "SerializationException"
    else:
        declared = {shape.name for shape in model.error_shapes}
        code = next((each for each in _REFUSALS if each in declared), _REFUSALS[0])
    said = "; ".join(message for _, message in found)
    raise InvalidRequestError(
        code, f"{len(found)} validation error{'s' * (len(found) > 1)} detected: {said}"
    )


def check_answer(service: str, operation: str, answer: Any) -> None:
    """Refuse an answer that AWS's model of the operation does not have.

    Raises
    ------
    InvalidAnswerError
        It has members that the operation does not give, or lacks some, or one has a value of
        another type or enum.
    """
    problems = _problems(_operation(service, operation).output_shape, answer)
    if found := [message for reason, message in problems if reason not in _OF_REQUESTS]:
        raise InvalidAnswerError(
            f"The emulator's answer to {service}:{operation} is none of AWS's: {'; '.join(found)}"
        )


def knows(service: str, operation: str) -> bool:
    """Tell whether AWS's service has an operation."""
    return operation in _model(service).operation_names


def members_of(service: str, shape: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a structure of the API has of a record; the rest is the emulator's own."""
    known = _model(service).shape_for(shape).members  # type: ignore[attr-defined]
    return {name: value for name, value in record.items() if name in known}


@functools.cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@functools.cache
def _operation(service: str, operation: str) -> OperationModel:
    return _model(service).operation_model(operation)


def _problems(shape: Shape | None, message: Any) -> list[tuple[str, str]]:
    if shape is None:
        unknown = ", ".join(message or ())
        return [("unknown field", f"Unknown parameters: {unknown}")] if unknown else []
    problems = _Problems()
    _Validator()._validate(message, shape, problems, name="")
    return problems.found


class _Problems(ValidationErrors):
    """Reasons with their messages, botocore's and those of `_Validator`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def report(self, name: str, reason: str, **details: Any) -> None:
        place = name.removeprefix(".") or "input"
        # A value may be a secret: none is told.
        match reason:
            case "enum" | "pattern" | "too much":
                message = (
                    f"Value at '{place}' failed to satisfy constraint: "
                    f"Member must {details['constraint']}"
                )
            case "invalid type":
                valid = ", ".join(details["valid_types"])
                message = f"Invalid type at '{place}': must be one of {valid}"
            case "invalid length" | "invalid range":
                what = "length" if reason == "invalid length" else "value"
                message = (
                    f"Value at '{place}' failed to satisfy constraint: Member must have {what} "
                    f"greater than or equal to {details['min_allowed']}"
                )
            case _:
                botocores = ValidationErrors()
                botocores.report(name, reason, **details)
                message = botocores.generate_report()
        self.found.append((reason, message))


class _Validator(ParamValidator):
    """Checks also what botocore leaves to the services."""

    VALIDATED_METADATA_ATTRS = ParamValidator.VALIDATED_METADATA_ATTRS | {"enum", "max", "pattern"}

    def _validate(self, params: Any, shape: Any, errors: Any, name: str) -> None:
        # A service takes null for what is not there.
        if isinstance(params, dict) and shape.type_name == "structure":
            params = {key: value for key, value in params.items() if value is not None}
        super()._validate(params, shape, errors, name)  # type: ignore[misc]
        most = shape.metadata.get("max")
        size = len(params) if isinstance(params, str | list | dict) else params
        if most is not None and isinstance(size, int | float) and size > most:
            less = "value" if size is params else "length"
            constraint = f"have {less} less than or equal to {most}"
            errors.report(name, "too much", constraint=constraint)
        if not isinstance(params, str):
            return
        allowed = shape.metadata.get("enum")
        if allowed and params not in allowed:
            errors.report(name, "enum", constraint=f"satisfy enum value set: {list(allowed)}")
        pattern = _compiled(shape.metadata.get("pattern"))
        if pattern and not pattern.fullmatch(params):
            constraint = f"satisfy regular expression pattern: {pattern.pattern}"
            errors.report(name, "pattern", constraint=constraint)


@functools.cache
def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """Return a pattern; None for one in Java's words that Python has not."""
    if pattern is None:
        return None
    try:
        return re.compile(pattern)
    except re.error:
        return None
