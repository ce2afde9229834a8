import json
from pathlib import Path
from typing import Any

import pytest

from stacks import Settings, SettingsError
from tests.mistakes import mistakes

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

BAD: list[tuple[str, Any, str]] = [
    ("nmae", "x", "nmae: is not a setting; did you mean 'name'?"),
    (
        "name",
        "My App",
        (
            "name: must be a name of lower-case letters, digits and single '-' between them, "
            "such as 'my-app', got 'My App'"
        ),
    ),
    ("services", [], "services: must be a list of at least 1, got 0"),
    (
        "services.0.name",
        "My-App",
        (
            "services[0].name: must be a name of lower-case letters, digits and single '-' "
            "between them, such as 'my-app', got 'My-App'"
        ),
    ),
    ("services.0.name", "a", "services[0].name: must have at least 2 characters, got 'a'"),
    (
        "services.0.name",
        "x" * 41,
        (
            "services[0].name: must have at most 40 characters, got "
            "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"
        ),
    ),
    (
        "services.0.name",
        None,
        "services[0].name: must not be null: give it a value, or leave it out",
    ),
    (
        "services.0.strategy",
        "magic",
        "services[0].strategy: must be 'rolling' or 'blue-green', got 'magic'",
    ),
    (
        "services.0.strategy",
        "blue_green",
        "services[0].strategy: must be 'rolling' or 'blue-green', got 'blue_green'",
    ),
    (
        "services.0.blue_green",
        {"engine": "ecs"},
        (
            "services[0].blue_green: must be left out with strategy 'rolling': set the "
            "strategy 'blue-green'"
        ),
    ),
    ("services.0.source", {}, "services[0].source.type: is missing"),
    (
        "services.0.source.type",
        "svn",
        "services[0].source.type: must be one of 'github', 'codecommit', got 'svn'",
    ),
    (
        "services.0.source.repository",
        "my-app",
        (
            "services[0].source.repository: must be 'owner/name', as in the repository's "
            "address, got 'my-app'"
        ),
    ),
    (
        "services.0.source.branch",
        "",
        "services[0].source.branch: must have at least 1 character, got ''",
    ),
    (
        "services.0.source.branch",
        "a b",
        "services[0].source.branch: must be the name of a Git branch, such as 'main', got 'a b'",
    ),
    (
        "services.0.source.connection_arn",
        "x",
        (
            "services[0].source.connection_arn: must be a connection's ARN, "
            "'arn:aws:codeconnections:<region>:<account>:connection/<id>', got 'x'"
        ),
    ),
    (
        "services.0.source.url",
        "x",
        (
            "services[0].source.url: is not a setting; those here are branch, full_clone, "
            "type, repository, connection_arn"
        ),
    ),
    (
        "services.0.build",
        {"timeout_minutes": 4},
        "services[0].build.timeout_minutes: must be at least 5, got 4",
    ),
    (
        "services.0.build",
        {"timeout_minutes": 2161},
        "services[0].build.timeout_minutes: must be at most 2160, got 2161",
    ),
    (
        "services.0.build",
        {"compute_type": "HUGE"},
        (
            "services[0].build.compute_type: must be 'SMALL', 'MEDIUM', 'LARGE', 'X_LARGE' "
            "or 'X2_LARGE', got 'HUGE'"
        ),
    ),
    (
        "services.0.build",
        {"scan": {"severity": "BAD"}},
        (
            "services[0].build.scan.severity: must be 'CRITICAL', 'HIGH', 'MEDIUM', 'LOW' or "
            "'INFORMATIONAL', got 'BAD'"
        ),
    ),
    (
        "services.0.build",
        {"scan": {"allow": [{"id": "CVE-2026-1234", "reason": "x", "expires": "soon"}]}},
        "services[0].build.scan.allow[0].expires: must be a day such as '2027-01-31', got 'soon'",
    ),
    (
        "services.0.build",
        {"scan": {"allow": [{"id": "CVE-2026-1234", "expires": "2027-01-31"}]}},
        "services[0].build.scan.allow[0].reason: is missing",
    ),
    (
        "services.0.container.name",
        "my app",
        "services[0].container.name: must be a name of letters, digits, '-' and '_', got 'my app'",
    ),
    ("services.0.container.port", 0, "services[0].container.port: must be at least 1, got 0"),
    (
        "services.0.container.port",
        "3000",
        "services[0].container.port: must be a whole number, got '3000'",
    ),
    (
        "services.0.container.cpu",
        300,
        "services[0].container.cpu: must be 256, 512, 1024, 2048, 4096, 8192 or 16384, got 300",
    ),
    (
        "services.0.container.environment",
        {"A": 1},
        "services[0].container.environment.A: must be a text, in quotes",
    ),
    (
        "services.0.health_check.path",
        "health",
        "services[0].health_check.path: must start with '/', for example '/health', got 'health'",
    ),
    (
        "services.0.health_check.interval_seconds",
        301,
        "services[0].health_check.interval_seconds: must be at most 300, got 301",
    ),
    (
        "services.0.scaling",
        {"min_tasks": 3, "max_tasks": 2},
        "services[0].scaling.min_tasks: must be at most max_tasks (2), got 3",
    ),
    (
        "services.0.path_pattern",
        "api",
        "services[0].path_pattern: must start with '/', for example '/api', got 'api'",
    ),
    ("services.0.priority", 0, "services[0].priority: must be at least 1, got 0"),
    (
        "services.0.deployment_timeout_minutes",
        61,
        "services[0].deployment_timeout_minutes: must be at most 60, got 61",
    ),
    (
        "services.0.existing_service",
        EXISTING_SERVICE,
        (
            "services[0].container: must be left out with existing_service, which has its "
            "own: remove it, or remove existing_service to have the service "
            "made\nservices[0].health_check: must be left out with existing_service, which "
            "has its own: remove it, or remove existing_service to have the service "
            "made\nservices[0].scaling: must be left out with existing_service, which has its "
            "own: remove it, or remove existing_service to have the service made"
        ),
    ),
    (
        "services.0.existing_service",
        {**EXISTING_SERVICE, "task_role_arns": []},
        "services[0].existing_service.task_role_arns: must be a list of at least 1, got 0",
    ),
    (
        "services.0.existing_service",
        {k: v for k, v in EXISTING_SERVICE.items() if k != "service_name"},
        "services[0].existing_service.service_name: is missing",
    ),
    (
        "services.0.build",
        {"platforms": ["arm"]},
        "services[0].build.platforms[0]: must be 'amd64' or 'arm64', got 'arm'",
    ),
    (
        "services.0.build",
        {"platforms": []},
        "services[0].build.platforms: must be a list of at least 1, got 0",
    ),
    (
        "services.0.build",
        {"queued_timeout_minutes": 4},
        "services[0].build.queued_timeout_minutes: must be at least 5, got 4",
    ),
    (
        "services.0.build",
        {"docker_hub": {}, "pull_through_cache": "hub"},
        (
            "services[0].build.docker_hub: must be left out with pull_through_cache, which "
            "is another way to the same images: give one of them"
        ),
    ),
    (
        "services.0.build",
        {"platforms": ["arm64"]},
        (
            "services[0].build.platforms: must have the container's architecture amd64, got "
            "arm64: add it, or change container.architecture"
        ),
    ),
    (
        "services.0.container",
        {"architecture": "arm64"},
        (
            "services[0].container.seed_image: must be given with architecture arm64: "
            "whether the default seed image runs there is not documented"
        ),
    ),
    ("platform", {"nat_gateways": 0}, "platform.nat_gateways: must be at least 1, got 0"),
    (
        "platform",
        {"existing": EXISTING_PLATFORM, "nat_gateways": 2},
        (
            "platform.nat_gateways: must be left out with existing: it configures a platform "
            "that the app makes"
        ),
    ),
    (
        "platform",
        {"existing": {**EXISTING_PLATFORM, "private_subnet_ids": ["subnet-0a"]}},
        (
            "platform.existing.private_subnet_ids: must name one subnet for each of the 2 "
            "availability_zones, got 1"
        ),
    ),
    (
        "platform",
        {"nat_gateways": 3},
        (
            "platform.nat_gateways: must be at most max_availability_zones (2), got 3: one "
            "for each zone is the most; lower it, or raise max_availability_zones"
        ),
    ),
    (
        "platform",
        {"nat_gateways": 5, "max_availability_zones": 4},
        (
            "platform.nat_gateways: must be at most max_availability_zones (4), got 5: one "
            "for each zone is the most; lower it, or raise max_availability_zones"
        ),
    ),
    ("platform", {"test_port": 0}, "platform.test_port: must be at least 1, got 0"),
    ("platform", {"test_port": 65536}, "platform.test_port: must be at most 65535, got 65536"),
    ("platform", {"test_port": "8443"}, "platform.test_port: must be a whole number, got '8443'"),
    (
        "platform",
        {"test_port": 80},
        (
            "platform.test_port: must not be 80 or 443, where users' requests arrive, got "
            "80: take another, such as 8080"
        ),
    ),
    (
        "platform",
        {"test_port": 443},
        (
            "platform.test_port: must not be 80 or 443, where users' requests arrive, got "
            "443: take another, such as 8080"
        ),
    ),
    (
        "platform",
        {"existing": EXISTING_PLATFORM, "test_port": 8443},
        (
            "platform.test_port: must be left out with existing: it configures a platform "
            "that the app makes; name an existing test listener in existing.test_listener_arn"
        ),
    ),
    (
        "platform",
        {"existing": {**EXISTING_PLATFORM, "test_listener_arn": "arn:aws:iam::1:role/x"}},
        (
            "platform.existing.test_listener_arn: must be the ARN of an Application Load "
            "Balancer's listener, "
            "'arn:aws:elasticloadbalancing:<region>:<account>:listener/app/<name>/<id>/<id>',"
            " got 'arn:aws:iam::1:role/x'"
        ),
    ),
    (
        "platform",
        {"existing": {**EXISTING_PLATFORM, "test_listener_arn": EXISTING_PLATFORM["listener_arn"]}},
        (
            "platform.existing.test_listener_arn: must be another listener than "
            "listener_arn, got arn:aws:elasticloadbalancing:r:a:listener/app/a/b/c for both: "
            "name one on another port of the load balancer"
        ),
    ),
    (
        "platform",
        {"existing": {**EXISTING_PLATFORM, "test_url": "http://test.example"}},
        (
            "platform.existing.test_url: must come with test_listener_arn, got "
            "http://test.example alone: name the listener that it leads to, or remove it"
        ),
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
        (
            "platform.existing.test_url: must be scheme, host and port alone, such as "
            "'https://test.example.com:8443', got 'http://test.example/up'"
        ),
    ),
    (
        "environment",
        {"account": "1", "region": "eu-west-1"},
        "environment.account: must be an account's 12 digits, in quotes, got '1'",
    ),
    ("environment", {"account": "111122223333"}, "environment.region: is missing"),
    (
        "environment",
        {"account": "111122223333", "region": "tokyo"},
        (
            "environment.region: must be a region that AWS CDK knows, got 'tokyo': write it "
            "like 'eu-west-1'"
        ),
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
    assert mistakes(delivery) == message.splitlines()


def test_settings_may_come_as_text(delivery: dict[str, Any]) -> None:
    assert Settings.from_context(json.dumps(delivery)) == Settings.from_context(delivery)
    with pytest.raises(SettingsError, match=r"^--context delivery: must be JSON, and is not: "):
        Settings.from_context("{nothing")


def test_settings_may_come_from_a_file(delivery: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "staging.json"
    file.write_text(json.dumps(delivery))
    assert Settings.from_context(str(file)) == Settings.from_context(delivery)
    file.write_text("{")
    with pytest.raises(SettingsError, match=rf"^{file}: must be JSON, and is not: "):
        Settings.from_context(str(file))
    file.write_text(json.dumps({**delivery, "name": "My App"}))
    with pytest.raises(SettingsError, match=rf"^{file}: 1 mistake; .*\n  name: must be a name"):
        Settings.from_context(str(file))
    with pytest.raises(SettingsError, match=r"^nowhere\.json: cannot be read: No such file"):
        Settings.from_context("nowhere.json")


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (None, r"^cdk\.json, context\.delivery must be an object .*, got nothing; "),
        ("[]", r"^--context delivery must be an object .*, got a list; "),
        ([], r"^cdk\.json, context\.delivery must be an object .*, got a list; "),
    ],
)
def test_settings_must_be_there(context: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_context(context)


def test_services_need_names_and_priorities_of_their_own(delivery: dict[str, Any]) -> None:
    (service,) = delivery["services"]
    delivery["services"] = [service, service]
    name = (
        "services[1].name: must be unique with its build projects and pipelines, got "
        "'my-container-app', which services[0] has as well: rename one"
    )
    priority = (
        "services[1].priority: must be unique on the load balancer, got 100, which services[0] has "
        "as well: give one of them another"
    )
    assert mistakes(delivery) == [name, priority]
    delivery["services"] = [service, {**service, "name": "other"}]
    assert mistakes(delivery) == [priority]
