"""The settings below ``logs``: what holds for every log group of the app."""

from typing import Annotated, Literal

from stacks._model import Model, text

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
Days = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
]  # fmt: skip


class Logs(Model):
    """How long logs are kept, and by which key they are encrypted."""

    retention_days: Days = 30
    kms_key_arn: (
        Annotated[
            str,
            text(
                r"arn:[a-z-]+:kms:.+:key/.+",
                "the ARN of a key, 'arn:aws:kms:<region>:<account>:key/<id>'",
                maximum=2048,
            ),
        ]
        | None
    ) = None
    """A key whose policy lets CloudWatch Logs use it; AWS's own by default."""
