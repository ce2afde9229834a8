import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from local.engine.plan import STAND_IN_REGISTRIES, Plan, hosts

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(
        run=tmp_path,
        engine=Path("/cache/packages/1"),
        state=Path('/cache/"state"'),
        base_images=Path("/cache/base-images/1"),
        log=Path("/cache/engine.log"),
        cgroup="engine-1",
        storage_driver="overlayfs",
        registries={ECR: ("127.0.0.1", 4566)},
    )


def test_what_is_written_is_read(plan: Plan) -> None:
    assert Plan.read(plan.write()) == plan


def test_what_is_written_is_read_with_passwords(plan: Plan) -> None:
    plan = replace(plan, htpasswd=Path("/secrets/htpasswd"))
    assert Plan.read(plan.write()) == plan


def test_all_registries_are_this_machine(plan: Plan) -> None:
    plan.write()
    lines = plan.hosts_file.read_text().splitlines()
    assert lines == [f"127.0.0.1 {name}" for name in ("localhost", *STAND_IN_REGISTRIES, ECR)]
    assert hosts([]) == "127.0.0.1 localhost\n"


def test_a_registry_is_reached_under_its_name_alone(plan: Plan) -> None:
    assert plan.targets == {
        ECR: ("127.0.0.1", 4566),
        **dict.fromkeys(STAND_IN_REGISTRIES, plan.hub_socket),
    }


def test_the_daemon_can_export_a_cache_and_reach_nothing(plan: Plan) -> None:
    plan.write()
    daemon = json.loads(plan.daemon_configuration.read_text())
    assert daemon["features"] == {"containerd-snapshotter": True}
    assert daemon["storage-driver"] == "overlayfs"
    assert daemon["hosts"] == [f"unix://{plan.docker_socket}"]
    assert daemon["data-root"] == '/cache/"state"'
    assert daemon["cgroup-parent"] == "/engine-1"
    assert daemon["dns"] == [daemon["bip"].partition("/")[0]]
    assert not daemon["iptables"]


def test_containerd_writes_into_its_own_folders_only(plan: Plan) -> None:
    plan.write()
    configuration = tomllib.loads(plan.containerd_configuration.read_text())
    assert configuration["root"] == '/cache/"state"/containerd'
    assert configuration["grpc"]["address"] == str(plan.containerd_socket)
    assert "io.containerd.internal.v1.opt" in configuration["disabled_plugins"]


def test_base_images_are_for_anyone(plan: Plan) -> None:
    plan.write()
    hub = json.loads(plan.hub_configuration.read_text())
    assert "auth" not in hub
    assert hub["http"]["addr"] == str(plan.hub_socket)
    assert hub["storage"]["maintenance"] == {"readonly": {"enabled": True}}


def test_base_images_are_for_those_with_a_password(plan: Plan) -> None:
    plan = replace(plan, htpasswd=Path("/secrets/htpasswd"))
    plan.write()
    hub = json.loads(plan.hub_configuration.read_text())
    assert hub["auth"]["htpasswd"]["path"] == "/secrets/htpasswd"
