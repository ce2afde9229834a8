import json
import subprocess
import sys
from pathlib import Path

import pytest

from local.engine import docker_shim
from local.engine.docker_shim import rewritten

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ADDRESSES = {HOST: "127.0.0.1:5001", f"{HOST}.cn": "127.0.0.1:5002"}


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (HOST, "127.0.0.1:5001"),
        (f"{HOST}/app:abc", "127.0.0.1:5001/app:abc"),
        (f"https://{HOST}", "https://127.0.0.1:5001"),
        (f"--tag={HOST}/app", "--tag=127.0.0.1:5001/app"),
        (
            f"type=registry,ref={HOST}/app:cache,mode=max",
            "type=registry,ref=127.0.0.1:5001/app:cache,mode=max",
        ),
        (f"{HOST}/a {HOST}/b", "127.0.0.1:5001/a 127.0.0.1:5001/b"),
        (f"{HOST}.cn/app", "127.0.0.1:5002/app"),
    ],
)
def test_names_become_addresses(argument: str, expected: str) -> None:
    assert rewritten(["push", argument], ADDRESSES) == ["push", expected]


@pytest.mark.parametrize(
    "argument",
    [f"9{HOST}/app", f"a.{HOST}", f"{HOST}.example/app", f"{HOST}:8443/app", HOST.upper(), ""],
)
def test_other_names_stay(argument: str) -> None:
    assert rewritten([argument], ADDRESSES) == [argument]


def test_dots_are_no_wildcards() -> None:
    argument = HOST.replace(".", "-")
    assert rewritten([argument], ADDRESSES) == [argument]


@pytest.mark.parametrize(
    "options",
    [["--use"], ["--driver", "docker-container"], ["--driver=docker-container", "--use"], []],
)
def test_a_builder_in_a_container_gets_the_network_of_the_registries(options: list[str]) -> None:
    assert rewritten(["buildx", "create", *options], {}) == [
        *["buildx", "create", "--driver-opt", "network=host"],
        *options,
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["buildx", "create", "--driver", "remote", "tcp://builder:1234"],
        ["buildx", "create", "--driver=kubernetes"],
        ["buildx", "create", "--driver-opt", "network=mine"],
        ["buildx", "create", "--driver-opt=image=x,network=mine"],
        ["buildx", "build", "."],
        ["create", "image"],
    ],
)
def test_other_commands_stay(arguments: list[str]) -> None:
    assert rewritten(arguments, {}) == arguments


def test_the_command_becomes_the_real_one(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n')
    docker.chmod(0o755)
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"docker": str(docker), "addresses": ADDRESSES}))
    shim = [sys.executable, "-I", docker_shim.__file__, str(settings)]

    done = subprocess.run(
        [*shim, "pull", "two words", f"{HOST}/app"], capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines() == ["pull", "two words", "127.0.0.1:5001/app"]
    assert done.returncode == 3
