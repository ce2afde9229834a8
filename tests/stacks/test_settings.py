import json
from typing import Any

import pytest

from stacks import Settings, SettingsError

EXISTING_SERVICE = {
    "cluster_name": "c",
    "service_name": "s",
    "container_name": "app",
    "task_role_arns": ["arn:aws:iam::111122223333:role/r"],
}
EXISTING_PLATFORM = {
    "vpc_id": "vpc-0a",
    "availability_zones": ["a", "b"],
    "private_subnet_ids": ["subnet-0a", "subnet-0b"],
    "cluster_name": "c",
    "listener_arn": "arn:aws:elasticloadbalancing:r:a:listener/app/a/b/c",
    "load_balancer_security_group_id": "sg-0a",
}

TEST_LISTENER = "arn:aws:elasticloadbalancing:r:a:listener/app/a/b/d"

S = "context.delivery.services.0"
P = r"context\.delivery\.platform"

BAD: list[tuple[str, Any, str]] = [
    ("nmae", "x", r"context\.delivery\.nmae: is not a setting"),
    ("name", "My App", r"context\.delivery\.name: .*'My App'"),
    ("services", [], r"context\.delivery\.services: .*at least 1 item"),
    ("services.0.name", "My-App", rf"{S}\.name: .*'My-App'"),
    ("services.0.name", "a", rf"{S}\.name: .*at least 2 characters"),
    ("services.0.name", "x" * 41, rf"{S}\.name: .*at most 40 characters"),
    ("services.0.name", None, rf"{S}\.name: .*got nothing"),
    ("services.0.strategy", "magic", rf"{S}\.strategy: .*'rolling'.*got 'magic'"),
    ("services.0.strategy", "blue_green", rf"{S}\.strategy: .*'blue-green'.*got 'blue_green'"),
    ("services.0.blue_green", {"engine": "ecs"}, rf"{S}: .*blue_green must be left out"),
    ("services.0.source", {}, rf"{S}\.source: .*type"),
    ("services.0.source.type", "svn", rf"{S}\.source: .*'github', 'codecommit'"),
    ("services.0.source.repository", "my-app", rf"{S}\.source\.repository: .*'my-app'"),
    ("services.0.source.branch", "", rf"{S}\.source\.branch: .*at least 1 character"),
    ("services.0.source.branch", "a b", rf"{S}\.source\.branch: .*'a b'"),
    ("services.0.source.connection_arn", "x", rf"{S}\.source\.connection_arn: .*'x'"),
    ("services.0.source.url", "x", rf"{S}\.source\.url: is not a setting"),
    ("services.0.build", {"timeout_minutes": 4}, rf"{S}\.build\.timeout_minutes: .*5; got 4"),
    ("services.0.build", {"timeout_minutes": 2161}, rf"{S}\.build\.timeout_minutes: .*2160"),
    ("services.0.build", {"compute_type": "HUGE"}, rf"{S}\.build\.compute_type: .*'SMALL'"),
    ("services.0.build", {"scan": {"severity": "BAD"}}, rf"{S}\.build\.scan\.severity: .*'HIGH'"),
    (
        "services.0.build",
        {"scan": {"allow": [{"id": "CVE-2026-1234", "reason": "x", "expires": "soon"}]}},
        rf"{S}\.build\.scan\.allow\.0\.expires: .*date.*got 'soon'",
    ),
    (
        "services.0.build",
        {"scan": {"allow": [{"id": "CVE-2026-1234", "expires": "2027-01-31"}]}},
        rf"{S}\.build\.scan\.allow\.0\.reason: is missing",
    ),
    ("services.0.container.name", "my app", rf"{S}\.container\.name: .*'my app'"),
    ("services.0.container.port", 0, rf"{S}\.container\.port: .*got 0"),
    ("services.0.container.port", "3000", rf"{S}\.container\.port: .*integer; got '3000'"),
    ("services.0.container.cpu", 300, rf"{S}\.container\.cpu: .*256.*got 300"),
    ("services.0.container.environment", {"A": 1}, rf"{S}\.container\.environment\.A: .*string"),
    ("services.0.health_check.path", "health", rf"{S}\.health_check\.path: must start with '/'"),
    (
        "services.0.health_check.interval_seconds",
        301,
        rf"{S}\.health_check\.interval_seconds: .*300; got 301",
    ),
    ("services.0.scaling", {"min_tasks": 3, "max_tasks": 2}, rf"{S}\.scaling: min_tasks \(3\)"),
    ("services.0.path_pattern", "api", rf"{S}\.path_pattern: must start with '/'"),
    ("services.0.priority", 0, rf"{S}\.priority: .*got 0"),
    (
        "services.0.deployment_timeout_minutes",
        61,
        rf"{S}\.deployment_timeout_minutes: .*60; got 61",
    ),
    (
        "services.0.existing_service",
        EXISTING_SERVICE,
        rf"{S}: container, health_check, scaling must be left out with existing_service",
    ),
    (
        "services.0.existing_service",
        {**EXISTING_SERVICE, "task_role_arns": []},
        rf"{S}\.existing_service\.task_role_arns: .*at least 1",
    ),
    (
        "services.0.existing_service",
        {"cluster_name": "c"},
        rf"{S}\.existing_service\.service_name: is missing",
    ),
    (
        "services.0.build",
        {"platforms": ["arm"]},
        rf"{S}\.build\.platforms\.0: .*'amd64'.*got 'arm'",
    ),
    ("services.0.build", {"platforms": []}, rf"{S}\.build\.platforms: .*at least 1"),
    ("services.0.build", {"queued_timeout_minutes": 4}, rf"{S}\.build\.queued_timeout_minutes: "),
    (
        "services.0.build",
        {"docker_hub": {}, "pull_through_cache": "hub"},
        rf"{S}\.build: docker_hub and pull_through_cache are two ways",
    ),
    (
        "services.0.build",
        {"platforms": ["arm64"]},
        rf"{S}: build\.platforms must have the container's architecture amd64, got arm64",
    ),
    (
        "services.0.container",
        {"architecture": "arm64"},
        rf"{S}\.container: seed_image must be given with architecture arm64",
    ),
    ("platform", {"nat_gateways": 0}, r"platform\.nat_gateways: .*got 0"),
    (
        "platform",
        {"existing": EXISTING_PLATFORM, "nat_gateways": 2},
        r"platform: nat_gateways must be left out with existing",
    ),
    (
        "platform",
        {"existing": {**EXISTING_PLATFORM, "private_subnet_ids": ["subnet-0a"]}},
        r"platform\.existing: private_subnet_ids must name one subnet .* got 1",
    ),
    ("platform", {"nat_gateways": 3}, rf"{P}: nat_gateways must be .* \(2\), got 3: .*raise max"),
    (
        "platform",
        {"nat_gateways": 5, "max_availability_zones": 4},
        rf"{P}: nat_gateways must be at most max_availability_zones \(4\), got 5",
    ),
    ("platform", {"test_port": 0}, rf"{P}\.test_port: .*greater than or equal to 1; got 0"),
    ("platform", {"test_port": 65536}, rf"{P}\.test_port: .*or equal to 65535; got 65536"),
    ("platform", {"test_port": "8443"}, rf"{P}\.test_port: .*integer; got '8443'"),
    ("platform", {"test_port": 80}, rf"{P}: test_port must not be 80 or 443, .* got 80: take "),
    ("platform", {"test_port": 443}, rf"{P}: test_port must not be 80 or 443, .* got 443: take "),
    (
        "platform",
        {"existing": EXISTING_PLATFORM, "test_port": 8443},
        rf"{P}: test_port must be left out with existing: .* existing\.test_listener_arn",
    ),
    (
        "platform",
        {"existing": {**EXISTING_PLATFORM, "test_listener_arn": "arn:aws:iam::1:role/x"}},
        rf"{P}\.existing\.test_listener_arn: .*got 'arn:aws:iam::1:role/x'",
    ),
    (
        "platform",
        {"existing": {**EXISTING_PLATFORM, "test_listener_arn": EXISTING_PLATFORM["listener_arn"]}},
        rf"{P}\.existing: test_listener_arn must be another listener .* got arn:.*/c for both",
    ),
    (
        "platform",
        {"existing": {**EXISTING_PLATFORM, "test_url": "http://test.example"}},
        rf"{P}\.existing: test_url must come with test_listener_arn, got http://test.example",
    ),
    (
        "platform",
        {
            "existing": {
                **EXISTING_PLATFORM,
                "test_listener_arn": TEST_LISTENER,
                "test_url": "http://test.example/up",
            }
        },
        rf"{P}\.existing\.test_url: .*got 'http://test.example/up'",
    ),
    ("environment", {"account": "1"}, r"environment\.account: .*got '1'"),
    ("environment", {"account": "111122223333"}, r"environment\.region: is missing"),
    (
        "environment",
        {"account": "111122223333", "region": "tokyo"},
        r"environment\.region: .*'tokyo'",
    ),
]


def change(settings: dict[str, Any], path: str, value: Any) -> None:
    *parents, key = path.split(".")
    place: Any = settings
    for parent in parents:
        place = place[int(parent)] if isinstance(place, list) else place[parent]
    place[key] = value


def test_the_sample_settings_have_a_service_for_each_strategy(context: dict[str, Any]) -> None:
    settings = Settings.from_context(context["delivery"])
    assert [(service.name, service.strategy) for service in settings.services] == [
        ("my-container-app", "rolling"),
        ("my-container-app-blue-green", "blue-green"),
    ]


@pytest.mark.parametrize(
    ("path", "value", "message"), BAD, ids=[f"{path}-{value!r:.40}" for path, value, _ in BAD]
)
def test_bad_settings_are_rejected_by_their_path(
    path: str, value: Any, message: str, delivery: dict[str, Any]
) -> None:
    change(delivery, path, value)
    with pytest.raises(SettingsError, match=message):
        Settings.from_context(delivery)


def test_settings_may_come_as_text(delivery: dict[str, Any]) -> None:
    assert Settings.from_context(json.dumps(delivery)) == Settings.from_context(delivery)
    with pytest.raises(SettingsError, match=r"'--context delivery=\.\.\.' must be JSON"):
        Settings.from_context("{nothing")


@pytest.mark.parametrize("context", [None, "[]", []])
def test_settings_must_be_there(context: object) -> None:
    with pytest.raises(SettingsError, match=r"'context\.delivery' must be an object"):
        Settings.from_context(context)


def test_services_need_names_and_priorities_of_their_own(delivery: dict[str, Any]) -> None:
    (service,) = delivery["services"]
    delivery["services"] = [service, service]
    with pytest.raises(SettingsError, match="unique names, got my-container-app twice"):
        Settings.from_context(delivery)
    delivery["services"] = [service, {**service, "name": "other"}]
    with pytest.raises(SettingsError, match=r"unique priorities .* got 100 twice"):
        Settings.from_context(delivery)


def test_all_problems_are_reported_at_once(delivery: dict[str, Any]) -> None:
    change(delivery, "services.0.priority", 0)
    change(delivery, "services.0.container.port", 0)
    with pytest.raises(SettingsError) as caught:
        Settings.from_context(delivery)
    assert "priority" in str(caught.value)
    assert "container.port" in str(caught.value)
