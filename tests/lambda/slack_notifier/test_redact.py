"""What is hidden, and what is not."""

import time

import pytest

from slack_notifier.redact import HIDDEN, redact, redact_structure

LETTERS = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3gH5jK7m"
SECRETS = {
    "aws access key": "AKIAIOSFODNN7EXAMPLE",
    "aws temporary key": "ASIAIOSFODNN7EXAMPLE",
    "aws secret key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "aws session token": "IQoJb3JpZ2luX2VjEMv//////////wEaCXVzLWVhc3QtMSJIMEYCIQD",
    "github": f"ghp_{LETTERS[:36]}",
    "github fine-grained": f"github_pat_11ABCDEFG0{LETTERS}",
    "gitlab": f"glpat-{LETTERS[:20]}",
    "bitbucket": f"ATBB{LETTERS[:28]}",
    "docker": f"dckr_pat_{LETTERS[:27]}",
    "npm": f"npm_{LETTERS[:36]}",
    "pypi": f"pypi-AgEIcHlwaS5vcmc{LETTERS}",
    "slack bot": "xoxb-1234567890-1234567890123-abcdefghijklmnop",
    "slack app": "xapp-1-A0123456789-1234567890123-abcdef",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "ecr login": "eyJwYXlsb2FkIjoi" + LETTERS * 3,
    "stripe": f"sk_live_{LETTERS[:24]}",
    "google": f"AIza{LETTERS[:35]}",
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize(
    "frame", ["{}", "x={}", "({}),", '"{}"', "say {} twice {}", "\n{}\n", ";{}"]
)
def test_a_secret_is_hidden_wherever_it_stands(kind: str, frame: str) -> None:
    text = frame.replace("{}", SECRETS[kind])
    shown = redact(text)
    assert SECRETS[kind] not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("DB_PASSWORD=hunter2 next", "DB_PASSWORD=[hidden] next"),
        ("password: hunter2", "password: [hidden]"),
        ('{"password": "two words", "a": 1}', '{"password": [hidden]", "a": 1}'),
        (r"{\"api_key\":\"abc\",\"b\":1}", r'{\"api_key\":[hidden]",\"b\":1}'),
        ("--build-arg NPM_TOKEN=abc .", "--build-arg NPM_TOKEN=[hidden] ."),
        ("docker login --password hunter2 -u me", "docker login --password [hidden] -u me"),
        ("secretKey => abc", "secretKey => [hidden]"),
        ("https://me:hunter2@example.com/x", "https://[hidden]@example.com/x"),
        ("https://ghtoken@github.com/x", "https://[hidden]@github.com/x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: [hidden] [hidden]"),
        ("curl -H 'X: Bearer abcdefgh12'", "curl -H 'X: Bearer [hidden]'"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=ab12&x=1",
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=[hidden]&x=1",
        ),
        (
            "POST https://hooks.slack.com/services/T0/B0/abc failed",
            "POST https://hooks.slack.com/[hidden] failed",
        ),
        ('{"auths":{"x":{"auth":"dXNlcjpwYXNz"}}}', '{"auths":{"x":{"auth":[hidden]"}}}'),
    ],
)
def test_an_assigned_secret_is_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "no basic auth credentials",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource",
        "unable to retrieve secret from asm: service call has been retried 1 time(s)",
        "not authorized to perform: ecr:GetAuthorizationToken on resource: *",
        "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234abcd",
        "8e0c6fb80e09020556d271d4cf0bacdab3614fbd",
        "arn:aws:ecs:eu-west-1:111122223333:service/my-cluster/my-service",
        "author: Mary Major <mary@example.com>",
        "12345678-1234-5678-abcd-12345678abcd",
        "#12 [build 3/7] RUN npm ci --omit=dev",
    ],
)
def test_what_people_need_stays(text: str) -> None:
    assert redact(text) == text


def test_a_private_key_is_hidden_whole_even_in_parts() -> None:
    lines = "\n".join(["MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC"] * 5)
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    for text in (f"{begin}\n{lines}\n{end}", f"{begin}\n{lines}", f"{lines}\n{end}"):
        assert redact(f"{text}\nafter") in (f"{HIDDEN}\nafter", HIDDEN)


def test_a_hidden_value_cannot_be_cut_free_at_the_end_of_a_long_text() -> None:
    text = "x" * 16_380 + " password=hunter2"
    assert "hunter2" not in redact(text, keep_end=True)
    assert "hunter2" not in redact(text)


@pytest.mark.parametrize(
    "hostile",
    [
        "a-" * 50_000,
        "password" * 12_000,
        "password=" * 12_000,
        "-----BEGIN PRIVATE KEY-----" * 4_000,
        "-----END PRIVATE KEY" * 4_000,
        "eyJ" * 30_000,
        "https://" * 12_000,
        "aB3/" * 25_000,
        "\"'" * 50_000,
        "--token " * 12_000,
        "_" * 100_000,
    ],
)
def test_a_hostile_text_takes_no_time(hostile: str) -> None:
    begin = time.process_time()
    redact(hostile)
    redact(hostile, keep_end=True)
    # Quadratic behaviour would take minutes.
    assert time.process_time() - begin < 3


def test_structures() -> None:
    deep: object = "bottom"
    for _ in range(5_000):
        deep = {"a": deep}
    value = {
        "password": {"a": "x"},
        "environment": [{"name": "API_KEY", "value": "x"}, {"name": "PORT", "value": "80"}],
        "list": [1, None, True],
        "deep": deep,
    }
    shown = redact_structure(value)
    assert isinstance(shown, dict)
    assert shown["password"] == HIDDEN
    assert shown["environment"] == [
        {"name": "API_KEY", "value": HIDDEN},
        {"name": "PORT", "value": "80"},
    ]
    assert shown["list"] == [1, None, True]
    assert "{...}" in str(shown["deep"])
