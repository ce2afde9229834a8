"""What all pipelines of the app share."""

import aws_cdk as cdk
from aws_cdk import aws_codeconnections as codeconnections
from constructs import Construct

from container_pipelines import DriftDetector, ReleaseRecorder


class SharedStack(cdk.Stack):
    """The release recorder, the drift detector, and the connection to the code host.

    Parameters
    ----------
    scope
        The app.
    construct_id
        The stack's id.
    connection
        Whether a connection is needed.
    env
        Where the stack goes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        connection: bool,
        env: cdk.Environment | None,
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description="What all delivery pipelines share"
        )
        self.recorder = ReleaseRecorder(self, "Recorder")
        self.drift_detector = DriftDetector(self, "DriftDetector")
        self.connection_arn: str | None = None
        if connection:
            # At most 32 characters; the settings keep the stack's name as short as that.
            resource = codeconnections.CfnConnection(
                self, "Connection", connection_name=self.stack_name, provider_type="GitHub"
            )
            self.connection_arn = resource.attr_connection_arn
            cdk.CfnOutput(
                self,
                "ConnectionArn",
                value=self.connection_arn,
                description="Finish its handshake once: console, Developer Tools, Settings, "
                "Connections, Update pending connection",
            )
