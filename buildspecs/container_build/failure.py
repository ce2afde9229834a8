"""How a build fails."""


class BuildFailedError(Exception):
    """The build cannot go on; the message, which becomes the log's last line, says why.

    Parameters
    ----------
    message
        The cause, and where there is one the way out.
    status
        The exit status.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
