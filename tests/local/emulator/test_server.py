import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.emulator.delivery import approval, pipeline_template, source
from tests.local.emulator.driver import ROOT, Emulator, Registry, eventually


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_a_signal(new_emulator: Callable[..., Emulator], how: signal.Signals) -> None:
    assert new_emulator().stop(how) == 0


def test_a_port_in_use_is_refused_before_anything_is_touched(
    emulator: Emulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-m", "local.emulator", "--state", str(state)]
    ended = subprocess.run(
        [*command, "--port", str(emulator.port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1
    assert f"127.0.0.1:{emulator.port} cannot be listened on" in ended.stderr
    assert "choose another --port" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not state.exists()
    assert emulator.local("GET", "health")[0] == 200


def test_it_goes_on_where_it_ended(new_emulator: Callable[..., Emulator]) -> None:
    emulator = new_emulator("--complete-connections")
    repository = "org/code"
    template = pipeline_template({"Source": [source(repository)], "Gate": [approval()]})
    template["Resources"]["R"] = {
        "Type": "AWS::ECR::Repository",
        "Properties": {"RepositoryName": "r"},
    }
    stack = emulator.deploy(template)
    name = emulator.outputs(stack)["Pipeline"]
    registry = Registry(emulator, "r")
    registry.push("v1", b"content")
    commit, (execution,) = emulator.push(repository, {"a": "b"})
    codepipeline = emulator.client("codepipeline")

    def waits_for_approval() -> bool:
        stages = codepipeline.get_pipeline_state(name=name)["stageStates"]
        return "latestExecution" in stages[1]

    eventually(waits_for_approval)
    assert emulator.stop() == 0
    emulator.start()
    where = {"pipelineName": name, "pipelineExecutionId": execution}
    found = codepipeline.get_pipeline_execution(**where)["pipelineExecution"]
    assert found["status"] == "Stopped"
    assert "restarted" in found["statusSummary"]
    assert registry.call("GET", "/v2/r/manifests/v1")[0] == 200
    again = codepipeline.start_pipeline_execution(name=name)["pipelineExecutionId"]

    def revision() -> str | None:
        record = codepipeline.get_pipeline_execution(pipelineName=name, pipelineExecutionId=again)
        revisions = record["pipelineExecution"].get("artifactRevisions")
        return revisions[0]["revisionId"] if revisions else None

    assert eventually(revision) == commit
    emulator.deploy(template | {"Description": "changed"}, stack)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"branch": "main", "commit": "a" * 40}, "repository is missing"),
        ({"repository": "o/r", "branch": "main", "commit": "main"}, "40 hexadecimal digits"),
        ({"repository": "o/r", "branch": "main", "commit": "a" * 40}, "not a zip archive"),
    ],
)
def test_wrong_pushes_are_refused(emulator: Emulator, query: dict[str, str], message: str) -> None:
    status, answer = emulator.local("POST", "push", b"no zip", **query)
    assert status == 400
    assert message in answer["message"]


def test_unknown_paths_name_the_known_ones(emulator: Emulator) -> None:
    status, answer = emulator.local("GET", "push")
    assert status == 404
    assert "POST /_local/push" in answer["message"]


def test_it_listens_on_loopback_only(emulator: Emulator) -> None:
    # Addresses as the kernel has them: hexadecimal, 0A is LISTEN, 0100007F is 127.0.0.1.
    tables = [Path("/proc/net", name).read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    listening = [line.split()[1] for table in tables for line in table if line.split()[3] == "0A"]
    assert [each for each in listening if each.endswith(f":{emulator.port:04X}")] == [
        f"0100007F:{emulator.port:04X}"
    ]


def test_handled_types_are_known_before_it_serves() -> None:
    code = (
        "from local.emulator import handled_types; t = handled_types();"
        "assert {'AWS::CodePipeline::Pipeline', 'AWS::EC2::EIP', 'AWS::S3::Bucket'} <= t"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
