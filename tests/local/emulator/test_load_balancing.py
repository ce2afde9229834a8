"""Requests to load balancers: which target gets them, what it is asked, and what comes back."""

import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ministack.services import alb

from local.emulator.ecs import deployments, tasks
from local.emulator.ecs.scheduler import Scheduler
from local.emulator.ecs.targets import Interface, Target, TargetGroups
from local.emulator.ecs.tasks import Stop
from tests.local.emulator.balanced import Balanced, resource, template, weighted
from tests.local.emulator.driver import Emulator, eventually


class Application(ThreadingHTTPServer):
    """What answers behind a load balancer: its name, and what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def target(self) -> dict[str, Any]:
        return {"Id": "127.0.0.1", "Port": self.server_address[1]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Application

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, body))
        if self.path == "/drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(418 if self.path == "/teapot" else 200)
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
            return
        content = json.dumps({"name": self.server.name}).encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_POST = do_HEAD = do_GET  # noqa: N815 - the base class's names

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def application() -> Iterator[Callable[[str], Application]]:
    started: list[Application] = []

    def start(name: str) -> Application:
        started.append(Application(name))
        return started[-1]

    yield start
    for each in started:
        each.shutdown()
        each.server_close()


class Site(Balanced):
    """A load balancer that is asked over HTTP."""

    def register(self, group: str, *applications: Application) -> None:
        self.api.register_targets(
            TargetGroupArn=self.names[group], Targets=[each.target for each in applications]
        )

    @property
    def name(self) -> str:
        (found,) = self.api.describe_load_balancers(LoadBalancerArns=[self.names["Balancer"]])[
            "LoadBalancers"
        ]
        return str(found["DNSName"])

    def place(self, port: int = 80) -> str:
        listeners = self.emulator.local("GET", "listeners")[1]["listeners"]
        return str(listeners[f"{self.name}:{port}"])

    def ask(
        self,
        path: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        port: int = 80,
        **headers: str,
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.place(port), timeout=20)
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def answers_of(self, times: int) -> Counter[str]:
        return Counter(json.loads(self.ask()[1])["name"] for _ in range(times))


@pytest.fixture
def site(emulator: Emulator) -> Site:
    return Site(emulator)


def test_requests_go_by_weight(site: Site, application: Callable[[str], Application]) -> None:
    site.register("Blue", application("blue"))
    site.register("Green", application("green"))
    assert site.answers_of(10) == {"blue": 10}
    site.shift(50, 50)
    assert set(site.answers_of(100)) == {"blue", "green"}  # one of 2^99 times it is not
    site.shift(0, 100)
    assert site.answers_of(10) == {"green": 10}


def test_a_request_is_handed_on_and_its_answer_back(
    site: Site, application: Callable[[str], Application]
) -> None:
    blue = application("blue")
    site.register("Blue", blue)
    answer, content = site.ask(
        "/a%20b?x=1&y=", "POST", b"hello", Host="shop.example.com", Accept="text/plain"
    )
    assert (answer.status, json.loads(content)) == (200, {"name": "blue"})
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    method, path, headers, body = blue.asked[0]
    assert (method, path, body) == ("POST", "/a%20b?x=1&y=", b"hello")
    assert headers["host"] == "shop.example.com"
    assert headers["accept"] == "text/plain"
    assert headers["x-forwarded-for"].startswith("127.")
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", "80")
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert site.ask("/teapot")[0].status == 418
    assert site.ask("/chunked")[1] == b"onetwo"
    head, nothing = site.ask(method="HEAD")
    assert (head.status, head.headers["content-length"], nothing) == (200, "16", b"")


def test_a_load_balancer_says_what_is_wrong_behind_it(
    site: Site, application: Callable[[str], Application]
) -> None:
    assert site.ask()[0].status == 503  # nobody there
    blue = application("blue")
    site.register("Blue", blue)
    assert site.ask("/drop")[0].status == 502
    assert site.ask()[0].status == 200
    blue.shutdown()
    blue.server_close()
    assert site.ask()[0].status == 502


def test_a_group_without_weight_gets_nothing_even_alone(
    site: Site, application: Callable[[str], Application]
) -> None:
    site.register("Green", application("green"))
    assert site.ask()[0].status == 503


def test_rules_come_before_the_default(
    emulator: Emulator, application: Callable[[str], Application]
) -> None:
    site = Site(emulator)
    site.update(template(weighted(0, 100), path="/shop/*"))
    site.register("Blue", application("blue"))
    site.register("Green", application("green"))
    assert json.loads(site.ask("/shop/x")[1]) == {"name": "green"}
    assert json.loads(site.ask("/else")[1]) == {"name": "blue"}


def test_each_load_balancer_has_an_address_of_its_own(emulator: Emulator) -> None:
    one, other = Site(emulator), Site(emulator)
    assert one.name != other.name
    assert {one.name[:4], other.name[:4]} == {"127."}


def test_listeners_come_and_go_with_their_template(
    site: Site, application: Callable[[str], Application]
) -> None:
    site.register("Blue", application("blue"))
    changed = template(weighted(100, 0))
    listener = changed["Resources"]["Listener"]["Properties"]
    changed["Resources"]["Test"] = resource(
        "ElasticLoadBalancingV2::Listener", **{**listener, "Port": 8080}
    )
    site.update(changed)
    assert site.ask(port=8080, Host="shop.example.com")[0].status == 200
    was = site.place(8080)
    site.update(template(weighted(100, 0)))
    assert f"{site.name}:8080" not in site.emulator.local("GET", "listeners")[1]["listeners"]
    address, _, port = was.rpartition(":")

    def is_closed() -> bool:
        try:
            socket.create_connection((address, int(port)), 1).close()
        except OSError:
            return True
        return False

    assert eventually(is_closed)


def test_a_listener_that_cannot_have_its_port_has_another(site: Site) -> None:
    changed = template(weighted(100, 0))
    changed["Resources"]["Listener"]["Properties"]["Port"] = 8080
    with socket.create_server((site.name, 8080)):
        site.update(changed)
        address, _, port = site.place(8080).rpartition(":")
        assert address == site.name
        assert port != "8080"
        assert site.ask(port=8080)[0].status == 503


def test_listeners_listen_again_after_a_restart(new_emulator: Callable[..., Emulator]) -> None:
    emulator = new_emulator()
    site = Site(emulator)
    assert site.ask()[0].status == 503
    name = site.name
    emulator.stop()
    emulator.start()
    assert site.name == name
    assert site.ask()[0].status == 503


def test_a_fixed_response_needs_no_target(emulator: Emulator) -> None:
    changed = template(weighted(100, 0))
    changed["Resources"]["Listener"]["Properties"]["DefaultActions"] = [
        {
            "Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nothing here"},
        }
    ]
    del changed["Resources"]["Rule"], changed["Outputs"]["Rule"]
    site = Site(emulator, changed)
    answer, content = site.ask()
    assert (answer.status, content) == (404, b"nothing here")


GROUP = "arn:aws:elasticloadbalancing:eu-central-1:111111111111:targetgroup/drained/1"


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(alb._tgs._data, alb._tgs._scoped(GROUP), {"Port": 80})
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "0.1"}]
    monkeypatch.setitem(alb._tg_attrs._data, alb._tg_attrs._scoped(GROUP), attributes)
    monkeypatch.setitem(alb._targets._data, alb._targets._scoped(GROUP), [])
    return GROUP


def a_task(address: str) -> dict[str, Any]:
    found = {"name": "privateIPv4Address", "value": address}
    return {"attachments": [{"type": "ElasticNetworkInterface", "details": [found]}]}


SERVICE = {"loadBalancers": [{"targetGroupArn": GROUP, "containerPort": 80}]}


def joined(groups: TargetGroups, address: str, *, healthy: bool = True) -> dict[str, Any]:
    task = a_task(address)
    assert groups.add(SERVICE, task, Interface(address, None)) == [GROUP]
    if healthy:
        groups.set(GROUP, address, 80, State="healthy")
    return task


def test_only_healthy_tasks_get_requests_unless_none_is(group: str) -> None:
    groups = TargetGroups()
    joined(groups, "10.0.0.1", healthy=False)
    with groups.chosen(group) as target:
        assert target == Target("10.0.0.1", 80, None)
    joined(groups, "10.0.0.2")
    for _ in range(20):
        with groups.chosen(group) as target:
            assert target == Target("10.0.0.2", 80, None)


def test_nobody_is_chosen_for_a_task_without_containers(group: str) -> None:
    groups = TargetGroups()
    groups.add(SERVICE, a_task("10.0.0.1"))
    with groups.chosen(group) as target:
        assert target is None


def test_a_task_goes_on_until_its_requests_are_answered(group: str) -> None:
    groups, stopped = TargetGroups(), threading.Event()
    task = joined(groups, "10.0.0.1")
    alb._tg_attrs[GROUP] = [{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}]
    with groups.chosen(group):
        assert groups.remove(SERVICE, task) == [GROUP]
        groups.when_drained(SERVICE, task, stopped.set)
        assert not stopped.is_set()
        with groups.chosen(group) as nobody:
            assert nobody is None
    assert stopped.wait(20)


def test_the_scheduler_lets_a_task_answer_before_it_stops_it(
    group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Run:
        def __init__(self) -> None:
            self.stopped = threading.Event()

        def start(self) -> None:
            pass

        def stop(self) -> None:
            self.stopped.set()

    groups, run, nothing = TargetGroups(), Run(), lambda *_: None
    outbox: Any = None
    shifting: Any = None
    scheduler = Scheduler(lambda _task, _scheduler: run, groups, outbox, shifting)
    monkeypatch.setattr(tasks, "advance", nothing)
    monkeypatch.setattr(tasks, "begin_stop", nothing)
    monkeypatch.setattr(deployments, "say", nothing)
    monkeypatch.setattr("local.emulator.ecs.scheduler.service_of", lambda _task: SERVICE)
    alb._tg_attrs[GROUP] = [{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}]
    task = joined(groups, "10.0.0.1")
    task.update(taskArn="arn:task/1", desiredStatus="RUNNING", lastStatus="RUNNING")
    scheduler.start_task(task)
    with groups.chosen(group):
        scheduler.stop_task(task, Stop("UserInitiated", ""))
        assert not run.stopped.is_set()
    assert run.stopped.wait(20)


def test_a_request_that_takes_too_long_is_not_waited_for(group: str) -> None:
    groups, stopped = TargetGroups(), threading.Event()
    task = joined(groups, "10.0.0.1")
    with groups.chosen(group):
        groups.remove(SERVICE, task)
        groups.when_drained(SERVICE, task, stopped.set)
        assert stopped.wait(20)


def test_a_task_without_requests_stops_at_once(group: str) -> None:
    groups, stopped = TargetGroups(), threading.Event()
    task = joined(groups, "10.0.0.1")
    groups.remove(SERVICE, task)
    groups.when_drained(SERVICE, task, stopped.set)
    assert stopped.is_set()
