"""A run in AWS takes place in the account that somebody has named, or not at all."""

from types import SimpleNamespace
from typing import Any

import pytest

from acceptance import __main__ as command
from acceptance.aws import Aws, confirm
from acceptance.cost import ITEMS, estimate
from acceptance.errors import AcceptanceError
from acceptance.names import Names
from tests.acceptance.fakes import FakeAws


class Session:
    """boto3's session, with endpoints of the test's choice."""

    region_name = "eu-central-1"

    def __init__(self, endpoints: dict[str, str]) -> None:
        self._endpoints = endpoints

    def client(self, service: str, config: Any) -> Any:
        endpoint = self._endpoints.get(service, "http://127.0.0.1:4566")
        return SimpleNamespace(
            meta=SimpleNamespace(endpoint_url=endpoint),
            get_caller_identity=lambda: {
                "Account": "111122223333",
                "Arn": "arn:aws-cn:iam::111122223333:user/somebody",
            },
        )


@pytest.mark.parametrize(
    ("endpoints", "is_aws"),
    [
        ({}, False),
        ({"sts": "https://sts.eu-central-1.amazonaws.com"}, True),
        # An override of all but one is no override.
        ({"ecs": "https://ecs.eu-central-1.amazonaws.com"}, True),
        ({"s3": "https://s3.cn-north-1.amazonaws.com.cn"}, True),
        ({"ecs": "https://ecs.eu-central-1.api.aws"}, True),
        ({"sts": "http://amazonaws.com.example.org"}, False),
    ],
)
def test_it_is_aws_as_soon_as_one_endpoint_is(endpoints: dict[str, str], is_aws: bool) -> None:
    aws = Aws(Session(endpoints))
    assert aws.is_aws is is_aws
    assert (aws.account, aws.partition) == ("111122223333", "aws-cn")


def test_a_region_is_needed() -> None:
    session = Session({})
    session.region_name = ""
    with pytest.raises(AcceptanceError, match="AWS_REGION"):
        Aws(session)


@pytest.mark.parametrize("given", [None, "", "999900001111"])
def test_aws_needs_the_callers_account(given: str | None) -> None:
    aws: Any = FakeAws(is_aws=True)
    with pytest.raises(AcceptanceError, match=r"nothing.*ACCEPTANCE_ACCOUNT=111122223333"):
        confirm(aws, given)


@pytest.mark.parametrize(("is_aws", "given"), [(True, "111122223333"), (False, None)])
def test_a_named_account_and_an_emulator_pass(is_aws: bool, given: str | None) -> None:
    aws: Any = FakeAws(is_aws=is_aws)
    confirm(aws, given)


def test_the_estimate_comes_before_the_refusal_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = FakeAws(is_aws=True)
    monkeypatch.setattr(command, "Aws", lambda: aws)
    monkeypatch.delenv("ACCEPTANCE_ACCOUNT", raising=False)
    assert command.main(["run"]) == 2
    shown = capsys.readouterr()
    assert estimate() in shown.out
    assert "ACCEPTANCE_ACCOUNT=111122223333" in shown.err
    assert command.main(["clean", "--run", "0a1b2c"]) == 2
    assert aws.calls == []


def test_the_estimate_is_small_and_names_its_sources() -> None:
    assert 0.5 < sum(item.dollars for item in ITEMS) < 3
    assert all(item.source.startswith("https://aws.amazon.com/") for item in ITEMS)


@pytest.mark.parametrize("run", ["", "*", "0A1B2C", "0a1b2", "0a1b2c-x", "prod"])
def test_a_runs_id_cannot_be_another_prefix(run: str) -> None:
    with pytest.raises(AcceptanceError, match="six hexadecimal digits"):
        Names(run)


def test_new_runs_have_names_of_their_own() -> None:
    one, other = Names.new(), Names.new()
    assert one.prefix != other.prefix
    assert all(name.startswith(f"{one.prefix}-") for name in (*one.services, one.alarm, one.asking))


def test_a_run_does_not_begin_on_the_remains_of_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks = {"Stacks": [{"StackName": "acceptance-0a1b2c-platform"}]}
    aws = FakeAws({"cloudformation.describe_stacks": stacks, "s3.list_buckets": {"Buckets": []}})
    monkeypatch.setattr(command, "Aws", lambda: aws)
    assert command.main(["run", "--run", "0a1b2c"]) == 2
    assert "make acceptance-clean RUN=0a1b2c" in capsys.readouterr().err
