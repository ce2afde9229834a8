"""What is remembered, in memory and in the DynamoDB of the local cloud's emulator."""

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slack_notifier.secret import SecretError, SecretReader
from slack_notifier.slack import DeliveryError
from slack_notifier.state import InFlightError, State
from tests.local.emulator.driver import Emulator


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path_factory.mktemp("emulator"))
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def table(cloud: Emulator) -> str:
    name = cloud.new_name("sent")
    cloud.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def test_two_containers_tell_an_event_once(cloud: Emulator, table: str, time: Any) -> None:
    one, other = (State(table, cloud.client, time) for _ in range(2))
    assert one.claim("a", lease=60)
    with pytest.raises(InFlightError, match="being sent by another invocation"):
        other.claim("a", lease=60)
    one.sent("a")
    assert not other.claim("a", lease=60)
    assert not one.claim("a", lease=60)


def test_an_event_that_could_not_be_sent_is_free_again(
    cloud: Emulator, table: str, time: Any
) -> None:
    one, other = (State(table, cloud.client, time) for _ in range(2))
    assert one.claim("a", lease=60)
    one.release("a")
    assert other.claim("a", lease=60)


def test_the_claim_of_a_container_that_died_ends(cloud: Emulator, table: str, time: Any) -> None:
    assert State(table, cloud.client, time).claim("a", lease=60)
    time.now += 61
    assert State(table, cloud.client, time).claim("a", lease=60)


def test_what_was_sent_is_never_released(cloud: Emulator, table: str, time: Any) -> None:
    one, other = (State(table, cloud.client, time) for _ in range(2))
    one.sent("a")
    other.release("a")
    assert not other.claim("a", lease=60)


def test_first_and_threads_are_shared(cloud: Emulator, table: str, time: Any) -> None:
    one, other = (State(table, cloud.client, time) for _ in range(2))
    assert one.first("metrics#a")
    assert not one.first("metrics#a")
    assert not other.first("metrics#a")
    assert one.thread("pipeline#1") == ""
    other.remember_thread("pipeline#1", "1700000000.000001")
    assert one.thread("pipeline#1") == "1700000000.000001"


def test_a_thread_is_read_as_it_was_written_last(time: Any, scripted: ModuleType) -> None:
    """A read that may be stale would miss the start's thread, and post a second message."""
    found = {"Item": {"ts": {"S": "1700000000.000001"}}}
    aws = scripted.ScriptedAws({"dynamodb.GetItem": found})
    state = State("told", aws, time)
    assert state.thread("pipeline#1") == "1700000000.000001"
    assert state.thread("pipeline#1") == "1700000000.000001"
    assert aws.asked("dynamodb.GetItem") == [
        {"TableName": "told", "Key": {"id": {"S": "thread#pipeline#1"}}, "ConsistentRead": True}
    ]


def test_items_expire(cloud: Emulator, table: str, time: Any) -> None:
    State(table, cloud.client, time).sent("a")
    [item] = cloud.client("dynamodb").scan(TableName=table)["Items"]
    assert float(item["expires"]["N"]) == time.now + 14 * 86400


@pytest.mark.parametrize("name", ["", "no-such-table"])
def test_memory_alone_still_sends_once(cloud: Emulator, name: str, time: Any, capsys: Any) -> None:
    state = State(name, cloud.client, time)
    assert state.claim("a", lease=60)
    state.sent("a")
    assert not state.claim("a", lease=60)
    state.release("a")
    state.remember_thread("x", "1.1")
    assert state.thread("x") == "1.1"
    assert state.first("k")
    assert ("State table not available" in capsys.readouterr().out) == bool(name)


def test_memory_is_bounded(cloud: Emulator, time: Any) -> None:
    state = State("", cloud.client, time)
    for number in range(5000):
        state.sent(f"{number}")
    assert not state.claim("4999", lease=1)
    assert state.claim("0", lease=1)


def test_what_is_used_again_is_remembered_longest(cloud: Emulator, time: Any) -> None:
    state = State("", cloud.client, time)
    state.remember_thread("release", "1.1")
    for number in range(5000):
        state.sent(f"{number}")
        if number % 100 == 0:
            state.remember_thread("release", "1.2")
    assert state.thread("release") == "1.2"


def test_two_containers_with_a_table_post_once(
    cloud: Emulator,
    table: str,
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    slack: Any,
    scripted: ModuleType,
) -> None:
    url = slack.origin + "/services/a"
    cloud.client("ssm").put_parameter(
        Name=f"/{table}/webhook", Value=url, Type="SecureString", Overwrite=True
    )
    environment = {"STATE_TABLE": table, "SLACK_SECRET": f"/{table}/webhook"}
    calls = [new_notifier(clients=cloud.client, **environment) for _ in range(2)]
    slack.behave = lambda path, body: "404 no_service"
    with pytest.raises(DeliveryError):
        calls[0](event("alarm"))
    slack.behave = lambda path, body: "ok"
    for call in (*calls, *calls):
        call(event("alarm"))
    assert len(slack.taken) == 1


def test_a_bots_thread_goes_on_in_another_container(
    cloud: Emulator,
    table: str,
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    slack: Any,
) -> None:
    secret = cloud.client("secretsmanager").create_secret(
        Name=table, SecretString=json.dumps({"token": "xoxb-1234567890-abcdefghij"})
    )
    environment = {
        "STATE_TABLE": table,
        "SLACK_SECRET": secret["ARN"],
        "SLACK_CHANNEL": "C0123456789",
        "NOTIFY_ON": "started,failed",
    }
    for name in ("pipeline-started", "pipeline-failed"):
        new_notifier(clients=cloud.client, **environment)(event(name))
    assert [path for path, _ in slack.taken] == [
        "/api/chat.postMessage",
        "/api/chat.update",
        "/api/chat.postMessage",
    ]
    assert slack.taken[2][1]["thread_ts"] == slack.taken[1][1]["ts"] == "1700000000.000001"


HOOK = "https://hooks.slack.com/services/T0000000/B0000000/abcdefghijklmnop"


@pytest.mark.parametrize(
    "value", [HOOK, HOOK + "\n", json.dumps({"url": HOOK}), HOOK.replace(".com/", ".com:443/")]
)
def test_a_webhook_is_read(value: str, scripted: ModuleType) -> None:
    aws = scripted.ScriptedAws({"ssm.GetParameter": {"Parameter": {"Value": value}}})
    reader = SecretReader("/slack/webhook", aws)
    credential = reader.read()
    assert "services" not in f"{credential} {credential!r}"
    assert credential.reveal().endswith("/services/T0000000/B0000000/abcdefghijklmnop")
    assert not credential.is_token
    reader.read()
    assert aws.asked("ssm.GetParameter") == [{"Name": "/slack/webhook", "WithDecryption": True}]
    assert not reader.read_again()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "hunter22",
        "http://hooks.slack.com/services/hunter22",
        "https://hooks.slack.com.evil.example/hunter22",
        "https://evil.example/hooks.slack.com/hunter22",
        "https://hooks.slack.com@evil.example/hunter22",
        "https://user:hunter22@hooks.slack.com/services/x",
        "https://hooks.slack.com:8443/hunter22",
        "https://hooks.slack.com",
        "https://hooks.slack.com/a b hunter22",
        "https://hooks.slack.com:x/hunter22",
        "https://[hunter22/",
        "xoxp-hunter22-abcdefgh",
        '{"url": 1, "x": "hunter22"}',
        '{"url": "https://evil.example/hunter22"}',
        "{" * 50_000,
    ],
)
def test_anything_else_is_refused_and_not_repeated(value: str, scripted: ModuleType) -> None:
    aws = scripted.ScriptedAws({"ssm.GetParameter": {"Parameter": {"Value": value}}})
    with pytest.raises(SecretError, match="must hold an incoming webhook's URL") as caught:
        SecretReader("/slack/webhook", aws).read()
    assert "hunter22" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_aws_code_says_why_a_secret_cannot_be_read() -> None:
    """Most errors have no class of their own in botocore."""

    class Denied:
        def get_parameter(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")

    with pytest.raises(SecretError, match=r"cannot be read \(AccessDeniedException\)"):
        SecretReader("/slack/webhook", lambda _: Denied()).read()


def test_the_test_origin_is_the_one_exception(scripted: ModuleType) -> None:
    def read(value: str) -> str:
        aws = scripted.ScriptedAws({"ssm.GetParameter": {"Parameter": {"Value": value}}})
        reader = SecretReader("/slack/webhook", aws, "http://127.0.0.1:1234")
        return str(reader.read().reveal())

    assert read("http://127.0.0.1:1234/services/x") == "http://127.0.0.1:1234/services/x"
    for other in ("http://127.0.0.1:12345/x", "http://127.0.0.1/x", "https://127.0.0.1:1234/x"):
        with pytest.raises(SecretError):
            read(other)
