"""The emulator as a whole: ministack with our services in it, on one port."""

import asyncio
import os
import signal
import socket
import sys
from typing import Any

from local.emulator.settings import Settings

_BUILDS_SECONDS = 5


class PortUnavailableError(Exception):
    """The port cannot be listened on; the message says why and what to do."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT or the end of input, and end the process with the state saved.

    Raises
    ------
    PortUnavailableError
        The port cannot be listened on. Nothing was touched.
    """
    _check_port(settings.port)
    _configure(settings)
    asyncio.new_event_loop().run_until_complete(_serve(settings))
    # ministack's tasks refuse to be cancelled while, say, a custom resource waits for its function,
    # which takes up to an hour. There is nothing left to do in them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        # As the server does: a port whose last connections are only just closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortUnavailableError(
                f"127.0.0.1:{port} cannot be listened on ({error.strerror}): choose another "
                "--port, or end what listens there."
            ) from error


def _configure(settings: Settings) -> None:
    """Set what ministack reads from the environment as it is imported."""
    state = settings.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(settings.port),
            "MINISTACK_HOST": "127.0.0.1",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "services"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "s3"),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # Containers are not its business: it would pull images, and sweep up the user's.
            "DOCKER_HOST": f"unix://{state}/no-docker.sock",
            # What functions inherit.
            "AWS_ENDPOINT_URL": settings.endpoint,
            "AWS_ENDPOINT_URL_S3": settings.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SLACK_TEST_ORIGIN": settings.endpoint,
        }
    )
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    if settings.node_modules is not None:
        os.environ["NODE_PATH"] = str(settings.node_modules.resolve())


async def _serve(settings: Settings) -> None:
    from hypercorn.asyncio import serve as serve_asgi
    from hypercorn.config import Config
    from ministack.core import lambda_runtime

    from local.emulator.cloud import application

    config = Config()
    config.bind = [f"127.0.0.1:{settings.port}"]
    config.keep_alive_timeout = 75
    # Requests that wait, such as one for a cold function, must not hold up the end.
    config.graceful_timeout = 1
    config.loglevel = os.environ["LOG_LEVEL"]
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if settings.end_with_input:
        loop.add_reader(sys.stdin, _read_until_closed, ended)
    app: Any
    app, builds = application(settings)

    async def told_to_end() -> None:
        await ended.wait()
        # While it still answers: builds tell of their end.
        await asyncio.to_thread(builds.end, _BUILDS_SECONDS)

    await serve_asgi(app, config, shutdown_trigger=told_to_end)
    lambda_runtime.reset()  # ends the functions' processes


def _read_until_closed(closed: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        closed.set()
