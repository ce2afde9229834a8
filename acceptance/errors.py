"""What ends or changes the course of a run."""


class AcceptanceError(Exception):
    """The run cannot begin or go on; the message says why and what to do."""


class UnexpectedError(Exception):
    """A scenario has seen something else than is expected; the message says what."""


class NotAnswerableError(Exception):
    """A question cannot be answered where the run takes place; the message says why."""


class InterruptedRunError(BaseException):
    """A signal has ended the run.

    Like `KeyboardInterrupt` it is no `Exception`: nothing that goes on after an error may take it
    for one.
    """
