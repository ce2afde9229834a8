"""An emulator, driven as its users drive it: boto3 over HTTP."""

import hashlib
import io
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).parents[3]
ACCOUNT = "111111111111"
REGION = "eu-central-1"
DEADLINE = 20.0
# Whom a test is not about may do anything.
ROLES = ("anything", "build", "deploy", "function", "pipeline")


def eventually(look: Callable[[], Any], deadline: float = DEADLINE) -> Any:
    """Return what `look` finds, soon after it finds anything."""
    end = time.monotonic() + deadline
    pause = 0.02
    while time.monotonic() < end:
        if found := look():
            return found
        # Whoever looks all the time takes the processor from what is waited for.
        time.sleep(pause)
        pause = min(1.5 * pause, 0.2)
    pytest.fail(f"nothing found within {deadline} s")


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip archive of files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


# What lets rules and topics send to a queue.
QUEUE_POLICY = _policy(
    {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
)


def queue(name: str) -> dict[str, Any]:
    """Return a queue that rules and topics send to, for a template."""
    policy = {"Queues": [{"Ref": name}], "PolicyDocument": json.loads(QUEUE_POLICY)}
    return {
        name: {"Type": "AWS::SQS::Queue"},
        f"{name}Policy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
    }


class Emulator:
    """A running emulator."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self._folder = folder
        self._options = options
        self._names = itertools.count()
        self._clients: dict[tuple[str, str], Any] = {}

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    *("-m", "local.emulator"),
                    *("--port", str(self.port), "--state", str(self._folder / "state")),
                    *self._options,
                ],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        eventually(self._is_ready)
        self._make_roles()

    def _make_roles(self) -> None:
        iam = self.client("iam")
        known = {role["RoleName"] for role in iam.list_roles()["Roles"]}
        trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
        anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        for name in set(ROLES) - known:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=_policy(anything))

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            pytest.fail(f"the emulator has ended:\n{self.log.read_text()}")
        try:
            return self.local("GET", "health")[0] == 200
        except OSError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=10)

    def client(self, service: str, region: str = REGION) -> Any:
        if (service, region) not in self._clients:
            self._clients[service, region] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=region,
                aws_access_key_id=ACCOUNT,
                aws_secret_access_key="any",
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self._clients[service, region]

    def new_name(self, prefix: str) -> str:
        return f"{prefix}-{next(self._names)}"

    def local(
        self, method: str, path: str, body: bytes = b"", **query: str
    ) -> tuple[int, dict[str, Any]]:
        """Call what stands outside AWS."""
        query = {"account": ACCOUNT, "region": REGION, **query}
        return self.http(method, f"/_local/{path}?{urllib.parse.urlencode(query)}", body)[:2]

    def http(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        request = urllib.request.Request(  # noqa: S310
            self.url + path, method=method, data=body or None, headers=dict(headers or {})
        )
        try:
            response = urllib.request.urlopen(request, timeout=30)  # noqa: S310
        except urllib.error.HTTPError as error:
            response = error
        with response:
            content = response.read()
            kind = response.headers.get("content-type", "")
            answer = json.loads(content) if content and "json" in kind else content
            return response.status, answer, dict(response.headers)

    def push(
        self, repository: str, files: Mapping[str, str | bytes], branch: str = "main", **query: str
    ) -> tuple[str, list[str]]:
        """Push a commit; return its id and the executions that it started."""
        commit = secrets.token_hex(20)
        status, answer = self.local(
            *("POST", "push", packed(files)),
            repository=repository,
            branch=branch,
            commit=commit,
            **{"message": "a message", "author": "someone", **query},
        )
        assert status == 200, answer
        return commit, answer["executions"]

    def deploy(self, template: Mapping[str, Any], name: str | None = None) -> str:
        """Create or update a stack; fail the test unless that succeeds."""
        name = name or self.new_name("stack")
        stack = self.deploy_anyhow(template, name)
        if not stack["StackStatus"].endswith("_COMPLETE") or "ROLLBACK" in stack["StackStatus"]:
            pytest.fail(f"{stack['StackStatus']}: {self.reasons(name)}")
        return name

    def deploy_anyhow(self, template: Mapping[str, Any], name: str) -> dict[str, Any]:
        cloudformation = self.client("cloudformation")
        known = {
            stack["StackName"]
            for page in cloudformation.get_paginator("list_stacks").paginate()
            for stack in page["StackSummaries"]
            if stack["StackStatus"] != "DELETE_COMPLETE"
        }
        act = cloudformation.update_stack if name in known else cloudformation.create_stack
        act(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])

        def ended() -> dict[str, Any] | None:
            stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

        return eventually(ended)

    def reasons(self, stack: str) -> list[str]:
        """Return why resources of a stack failed."""
        events = self.client("cloudformation").describe_stack_events(StackName=stack)
        return [
            event["ResourceStatusReason"]
            for event in events["StackEvents"]
            if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
        ]

    def outputs(self, stack: str) -> dict[str, str]:
        described = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}


class Registry:
    """A client of the registry."""

    def __init__(self, emulator: Emulator, repository: str) -> None:
        self._emulator = emulator
        self.repository = repository
        token = emulator.client("ecr").get_authorization_token()["authorizationData"][0]
        self.headers = {"Authorization": f"Basic {token['authorizationToken']}"}

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        return self._emulator.http(method, path, body, {**self.headers, **headers})

    def push(self, tag: str, content: bytes = b"layer", *, image: bool = True) -> tuple[int, Any]:
        """Push a small image; return status and answer of its manifest's upload."""
        kind = "application/vnd.oci.image.config.v1+json" if image else "application/x.cache"
        parts = []
        for blob in (b"{}", content):
            digest = "sha256:" + hashlib.sha256(blob).hexdigest()
            status, _, headers = self.call("POST", f"/v2/{self.repository}/blobs/uploads/")
            assert status == 202
            status, _, _ = self.call("PUT", f"{headers['Location']}?digest={digest}", blob)
            assert status == 201
            parts.append({"digest": digest, "size": len(blob)})
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": kind, **parts[0]},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **parts[1]}],
        }
        status, answer, _ = self.call(
            "PUT",
            f"/v2/{self.repository}/manifests/{tag}",
            json.dumps(manifest).encode(),
            **{"Content-Type": manifest["mediaType"]},
        )
        return status, answer
