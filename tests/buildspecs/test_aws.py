"""How the program of builds asks AWS: with its own signature, or by the CLI."""

import datetime as dt
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from container_build.aws import Aws
from container_build.direct import Credentials, signed
from container_build.programs import AwsError, NoAnswerError, Programs
from container_build.settings import aws_domain

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/with+signs="}
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"}
BODY = json.dumps({"imageId": {"imageDigest": "sha256:é"}}).encode()


class Cli(Programs):
    """Notes what the CLI is asked."""

    def __init__(self) -> None:
        super().__init__({"PATH": "/nowhere"}, Path("/"))
        self.calls: list[tuple[str, ...]] = []

    def aws(self, *arguments: str) -> Any:
        self.calls.append(arguments)
        return {"by": "cli"}


class Wire:
    """Stands in for connections; answers with what it is given, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, str, bytes | None, dict[str, str]]] = []

    def connect(self, host: str, timeout: float, context: ssl.SSLContext | None = None) -> Any:
        wire = self
        # Certificates are checked, and the name in them.
        assert context is None or (context.check_hostname and context.verify_mode)

        class Connection:
            def request(
                self,
                method: str,
                path: str,
                body: bytes | None = None,
                headers: dict[str, str] | None = None,
            ) -> None:
                wire.requests.append((host, method, path, body, headers or {}))

            def getresponse(self) -> Any:
                answer = wire.answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                status, document = answer
                content = document if isinstance(document, bytes) else json.dumps(document).encode()
                return type("Answer", (), {"status": status, "read": lambda _: content})()

            def close(self) -> None:
                pass

        return Connection()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    wire = Wire()
    monkeypatch.setattr(http.client, "HTTPConnection", wire.connect)
    monkeypatch.setattr(http.client, "HTTPSConnection", wire.connect)
    yield wire
    assert wire.answers == []


def asking(environment: dict[str, str], cli: Programs | None = None) -> tuple[Aws, list[float]]:
    pauses: list[float] = []
    known = {"AWS_REGION": "eu-west-1", **environment}
    return Aws(cli or Cli(), known, "amazonaws.com", sleep=pauses.append), pauses


@pytest.mark.parametrize("token", ["", "a/session+token=="])
@pytest.mark.parametrize("service", ["ecr", "ecs", "ssm"])
def test_the_signature_is_botocores(service: str, token: str, monkeypatch: Any) -> None:
    now = dt.datetime(2026, 11, 28, 1, 2, 3, tzinfo=dt.UTC)
    host, target = f"{service}.eu-west-1.amazonaws.com", "Service.Operation"
    ours = signed(
        Credentials("AKIDEXAMPLE", "secret/with+signs=", token),
        host=host,
        service=service,
        region="eu-west-1",
        target=target,
        body=BODY,
        now=now,
    )
    request = AWSRequest(
        method="POST",
        url=f"https://{host}/",
        data=BODY,
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target},
    )
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: now.replace(tzinfo=None))
    keys = BotocoreCredentials("AKIDEXAMPLE", "secret/with+signs=", token or None)
    botocore.auth.SigV4Auth(keys, service, "eu-west-1").add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    """One for all: each reads megabytes of AWS's models."""
    session = botocore.session.Session()
    session.set_credentials("a", "b")
    return session


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        *(("ecr", name) for name in ("GetAuthorizationToken", "BatchGetImage")),
        ("ecr", "DescribeImageScanFindings"),
        ("ecs", "DescribeTaskDefinition"),
        ("ssm", "GetParameter"),
    ],
)
@pytest.mark.parametrize(
    "region", ["eu-west-1", "us-gov-west-1", "cn-north-1", "ap-southeast-5", "us-iso-east-1"]
)
def test_host_and_target_are_those_of_awss_own_model(
    wire: Wire, session: botocore.session.Session, service: str, operation: str, region: str
) -> None:
    client = session.create_client(service, region_name=region)
    domain = client.meta.endpoint_url.split(f".{region}.")[1]
    uri = f"111122223333.dkr.ecr.{region}.{domain}/app"
    assert aws_domain(uri) == domain
    wire.answers = [(200, {})]
    Aws(Cli(), KEYS, domain).ask(service, operation, {}, region)
    ((host, method, path, _, headers),) = wire.requests
    assert f"https://{host}" == client.meta.endpoint_url
    metadata = client.meta.service_model.metadata
    assert (metadata["protocol"], metadata["jsonVersion"]) == ("json", "1.1")
    assert headers["x-amz-target"] == f"{metadata['targetPrefix']}.{operation}"
    scope = f"/{region}/{client.meta.service_model.signing_name}/aws4_request"
    assert scope in headers["authorization"]
    http_of = client.meta.service_model.operation_model(operation).http
    assert (method, path) == (http_of["method"], http_of["requestUri"])


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {**KEYS, "AWS_PROFILE": "x"},
        {**KEYS, "AWS_CONFIG_FILE": "/x"},
        {**KEYS, "HTTPS_PROXY": "http://proxy"},
        {**KEYS, "AWS_CA_BUNDLE": "/x"},
        {**KEYS, "AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1"},
        {"AWS_ACCESS_KEY_ID": "alone"},
        {**KEYS, "AWS_REGION": ""},
    ],
)
def test_what_is_not_plain_is_left_to_the_cli(wire: Wire, environment: dict[str, str]) -> None:
    cli = Cli()
    aws, _ = asking(environment, cli)
    assert aws.ask("ecs", "DescribeTaskDefinition", {"taskDefinition": "a:1"}) == {"by": "cli"}
    region = environment.get("AWS_REGION", "eu-west-1")
    assert cli.calls == [
        (
            *("ecs", "describe-task-definition"),
            *(("--region", region) if region else ()),
            *("--no-paginate", "--cli-input-json", '{"taskDefinition": "a:1"}'),
        )
    ]


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_files_of_the_cli_go_before_the_containers_credentials(
    wire: Wire, tmp_path: Path, name: str
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / name).write_text("")
    aws, _ = asking({**CONTAINER, "HOME": str(tmp_path)})
    assert aws.ask("ssm", "GetParameter", {"Name": "x"}) == {"by": "cli"}


def test_the_containers_credentials_are_asked_for_once(wire: Wire, tmp_path: Path) -> None:
    keys = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret", "Token": "token"}
    wire.answers = [(200, keys), (200, {"a": 1}), (200, {"b": 2})]
    aws, _ = asking({**CONTAINER, "HOME": str(tmp_path)})
    assert [aws.ask("ssm", "GetParameter", {}) for _ in range(2)] == [{"a": 1}, {"b": 2}]
    assert wire.requests[0][:3] == ("169.254.170.2", "GET", "/v2/credentials/1")
    assert [headers["x-amz-security-token"] for *_, headers in wire.requests[1:]] == ["token"] * 2


@pytest.mark.parametrize("answer", [(200, {"AccessKeyId": "x"}), (500, b"secret"), OSError("x")])
def test_credentials_that_cannot_be_read_are_not_told(
    wire: Wire, tmp_path: Path, answer: Any
) -> None:
    wire.answers = [answer]
    aws, _ = asking({**CONTAINER, "HOME": str(tmp_path)})
    with pytest.raises(AwsError, match=r"^the build's credentials cannot be read: [A-Za-z]+$"):
        aws.ask("ssm", "GetParameter", {})


def test_a_member_that_is_null_is_not_there(wire: Wire) -> None:
    wire.answers = [
        (200, {"taskDefinition": {"family": "a", "proxyConfiguration": None}, "x": None})
    ]
    aws, _ = asking(KEYS)
    found = aws.ask("ecs", "DescribeTaskDefinition", {"taskDefinition": "a:1"})
    assert found == {"taskDefinition": {"family": "a"}}


PASSING = [
    (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
    (400, {"__type": "com.amazonaws.ecr#ServerException", "message": "busy"}),
    (503, b"<html>busy</html>"),
    OSError("connection reset"),
    TimeoutError("timed out"),
]


@pytest.mark.parametrize("answer", PASSING)
def test_what_may_pass_is_tried_again(wire: Wire, answer: Any) -> None:
    wire.answers = [answer, answer, (200, {"a": 1})]
    aws, pauses = asking(KEYS)
    assert aws.ask("ssm", "GetParameter", {}) == {"a": 1}
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize("answer", PASSING)
def test_what_does_not_pass_is_given_up(wire: Wire, answer: Any) -> None:
    wire.answers = [answer] * 4
    aws, pauses = asking(KEYS)
    with pytest.raises(AwsError):
        aws.ask("ssm", "GetParameter", {})
    assert len(pauses) == 3


def test_who_waits_for_himself_gets_each_answer(wire: Wire) -> None:
    wire.answers = [PASSING[0], OSError("no route")]
    aws, pauses = asking(KEYS)
    with pytest.raises(AwsError) as throttled:
        aws.ask("ecr", "DescribeImageScanFindings", {}, is_patient=False)
    assert throttled.value.code == "ThrottlingException"
    with pytest.raises(NoAnswerError, match="no route"):
        aws.ask("ecr", "DescribeImageScanFindings", {}, is_patient=False)
    assert pauses == []


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (
            (400, {"__type": "ScanNotFoundException", "message": "none"}),
            "ScanNotFoundException",
            r"\(ScanNotFoundException\) when calling the GetParameter operation: none",
        ),
        (
            (400, {"__type": "x#AccessDeniedException:http://x", "Message": "User x may not"}),
            "AccessDeniedException",
            "User x may not",
        ),
        ((403, b""), "", "HTTP status 403"),
        ((400, []), "", "HTTP status 400"),
        ((302, {}), "", "HTTP status 302"),
        ((200, b"<html>"), "", "answered with no JSON"),
    ],
)
def test_what_aws_refuses_is_told_in_its_words(
    wire: Wire, answer: Any, code: str, told: str
) -> None:
    wire.answers = [answer]
    aws, _ = asking(KEYS)
    with pytest.raises(AwsError, match=told) as failure:
        aws.ask("ssm", "GetParameter", {})
    assert failure.value.code == code


def test_secrets_are_in_no_representation() -> None:
    shown = repr(Credentials("AKID", "the-secret", "the-token"))
    assert "the-secret" not in shown
    assert "the-token" not in shown
