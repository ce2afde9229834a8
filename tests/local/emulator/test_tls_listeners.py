"""HTTPS listeners of load balancers: their certificates, redirects to them, and what is refused."""

import http.client
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.local.emulator.balanced import Balanced, resource, template, weighted
from tests.local.emulator.driver import Emulator

Answer = tuple[int, Mapping[str, str], bytes]

REDIRECT = [
    {
        "Type": "redirect",
        "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
    }
]
GREETING = [
    {
        "Type": "fixed-response",
        "FixedResponseConfig": {
            "StatusCode": "200",
            "ContentType": "text/plain",
            "MessageBody": "hi",
        },
    }
]


def listener(port: int, actions: list[dict[str, Any]], **properties: Any) -> dict[str, Any]:
    return resource(
        "ElasticLoadBalancingV2::Listener",
        LoadBalancerArn={"Ref": "Balancer"},
        Port=port,
        DefaultActions=actions,
        **{"Protocol": "HTTP", **properties},
    )


def secure(certificate: str) -> dict[str, Any]:
    """Return a template whose port 80 redirects to port 443."""
    made = template(weighted(100, 0))
    del made["Resources"]["Rule"], made["Outputs"]["Rule"]
    made["Resources"]["Listener"] = listener(80, REDIRECT)
    made["Resources"]["Secure"] = listener(
        443, GREETING, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}]
    )
    return made


@pytest.fixture
def new_certificate(emulator: Emulator) -> Callable[[str], str]:
    def request(domain: str) -> str:
        arn: str = emulator.client("acm").request_certificate(DomainName=domain)["CertificateArn"]
        return arn

    return request


class Site(Balanced):
    """A load balancer that is asked over HTTP and over HTTPS by a client who trusts its issuer."""

    @property
    def name(self) -> str:
        (found,) = self.api.describe_load_balancers(LoadBalancerArns=[self.names["Balancer"]])[
            "LoadBalancers"
        ]
        return str(found["DNSName"])

    def place(self, port: int) -> tuple[str, int]:
        listeners = self.emulator.local("GET", "listeners")[1]["listeners"]
        address, _, actual = listeners[f"{self.name}:{port}"].rpartition(":")
        return address, int(actual)

    def ask(self, path: str = "/") -> Answer:
        connection = http.client.HTTPConnection(*self.place(80), timeout=20)
        return asked(connection, path)

    def ask_securely(self, domain: str | None = None, path: str = "/") -> Answer:
        address, port = self.place(443)
        trusting = ssl.create_default_context(
            cadata=self.emulator.local("GET", "listeners")[1]["authority"]
        )
        connection = http.client.HTTPSConnection(address, port, timeout=20, context=trusting)
        plain = http.client.HTTPConnection(address, port, timeout=20)
        plain.connect()
        connection.sock = trusting.wrap_socket(plain.sock, server_hostname=domain or address)
        return asked(connection, path)


def asked(connection: http.client.HTTPConnection, path: str) -> Answer:
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def test_a_listener_presents_the_names_of_its_certificate(
    emulator: Emulator, new_certificate: Callable[[str], str]
) -> None:
    site = Site(emulator, secure(new_certificate("*.example.com")))
    for name in ("shop.example.com", None):  # nobody but a test knows the name here
        status, _, content = site.ask_securely(name)
        assert (status, content) == (200, b"hi")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"shop\.example\.org"):
        site.ask_securely("shop.example.org")


def test_the_issuer_is_trusted_by_nobody_who_has_not_asked(
    emulator: Emulator, new_certificate: Callable[[str], str]
) -> None:
    address, port = Site(emulator, secure(new_certificate("example.com"))).place(443)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get"):
        http.client.HTTPSConnection(address, port, timeout=20).request("GET", "/")


def test_http_is_redirected_to_where_https_is(
    emulator: Emulator, new_certificate: Callable[[str], str]
) -> None:
    site = Site(emulator, secure(new_certificate("example.com")))
    status, headers, _ = site.ask("/a?b=1")
    address, port = site.place(443)
    assert (status, headers["location"]) == (301, f"https://{address}:{port}/a?b=1")


def test_a_certificate_is_exchanged_and_nobody_notices(
    emulator: Emulator, new_certificate: Callable[[str], str]
) -> None:
    site = Site(emulator, secure(new_certificate("old.example.com")))
    was = site.place(443)
    site.update(secure(new_certificate("new.example.com")))
    assert site.place(443) == was
    assert site.ask_securely("new.example.com")[0] == 200
    with pytest.raises(ssl.SSLCertVerificationError, match=r"old\.example\.com"):
        site.ask_securely("old.example.com")


def test_a_listener_begins_to_speak_https(
    emulator: Emulator, new_certificate: Callable[[str], str]
) -> None:
    changed = secure(new_certificate("example.com"))
    changed["Resources"]["Secure"] = listener(443, GREETING)
    site = Site(emulator, changed)
    site.update(secure(new_certificate("example.com")))
    assert site.ask_securely("example.com")[0] == 200


def test_https_is_there_again_after_a_restart(new_emulator: Callable[..., Emulator]) -> None:
    emulator = new_emulator()
    arn = emulator.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    site = Site(emulator, secure(arn))
    authority = emulator.local("GET", "listeners")[1]["authority"]
    emulator.stop()
    emulator.start()
    assert emulator.local("GET", "listeners")[1]["authority"] == authority
    assert site.ask_securely("example.com")[0] == 200


def test_a_certificate_that_is_there_on_aws_is_known_by_its_arn(emulator: Emulator) -> None:
    arn = "arn:aws:acm:eu-west-1:999999999999:certificate/0f1e"
    assert emulator.local("POST", "certificate", arn=arn, domain="example.com")[0] == 200
    assert Site(emulator, secure(arn)).ask_securely("example.com")[0] == 200


def refused(emulator: Emulator, made: Mapping[str, Any]) -> str:
    name = emulator.new_name("refused")
    stack = emulator.deploy_anyhow(made, name)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    return "\n".join(emulator.reasons(name))


def test_a_certificate_that_is_not_there_is_refused(emulator: Emulator) -> None:
    arn = "arn:aws:acm:eu-central-1:111111111111:certificate/0f1e"
    assert f"Certificate '{arn}' not found" in refused(emulator, secure(arn))
    without = secure(arn)
    del without["Resources"]["Secure"]["Properties"]["Certificates"]
    assert "A certificate must be specified" in refused(emulator, without)


def test_a_port_has_one_listener(emulator: Emulator) -> None:
    doubled = template(weighted(100, 0))
    doubled["Resources"]["Second"] = {**listener(80, GREETING), "DependsOn": "Listener"}
    assert "already exists on this port" in refused(emulator, doubled)


def test_a_priority_has_one_rule(emulator: Emulator) -> None:
    doubled = template(weighted(100, 0))
    rule = doubled["Resources"]["Rule"]
    doubled["Resources"]["Second"] = {**rule, "DependsOn": "Rule"}
    assert "Priority '5' is currently in use" in refused(emulator, doubled)
    other = {**rule["Properties"], "Priority": 6}
    doubled["Resources"]["Second"] = resource("ElasticLoadBalancingV2::ListenerRule", **other)
    site = Balanced(emulator, doubled)
    changed = template(weighted(100, 0))
    changed["Resources"]["Second"] = {**rule, "DependsOn": "Rule"}
    changed["Resources"]["Rule"] = {**rule, "Properties": {**rule["Properties"], "Priority": 6}}
    stack = emulator.deploy_anyhow(changed, site.stack)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
