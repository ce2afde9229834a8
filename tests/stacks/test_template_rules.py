"""The samples' templates by tools that read templates: cfn-lint, and AWS Control Tower's rules.

The rules are those of the CDK plugin `@cdklabs/cdk-validator-cfnguard`, judged by the program that
it carries. What either finds must be explained here, and is told in docs/reviews.md.
"""

import json
import platform
import re
import subprocess
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import cx_api
from cfnlint.api import lint
from cfnlint.config import ConfigMixIn
from cfnlint.runner import Runner

from tests import generated_tables

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reviews.md"
PLUGIN = "cdklabs.cdk_validator_cfnguard._jsii"
RULES = "package/rules/control-tower/cfn-guard"

Found = dict[str, set[tuple[str, str]]]
Synthesize = Callable[[dict[str, Any]], cx_api.CloudAssembly]

LINTED = {
    "E1022": "cfn-lint knows Fn::GetStackOutput in Fn::Join, not yet in Fn::Split. The CDK writes "
    "it so, and [tests it on AWS](https://github.com/aws/aws-cdk/pull/37948).",
    "W3005": "Where a resource depends on a role, the CDK names the role beside its policy, and "
    "something else refers to the role already. It does no harm.",
}
"""What cfn-lint finds, and why it is right."""

EXPLAINED = {
    "CT.CLOUDWATCH.PR.1": "An alarm without an action is one whose failures an event of the "
    "pipeline tells of; see CloudWatchAlarmAction.",
    "CT.CLOUDWATCH.PR.2": "Logs are kept for a month, or as long as `logs.retention_days` says.",
    "CT.CLOUDWATCH.PR.3": "As CloudWatchLogGroupEncrypted.",
    "CT.CODEBUILD.PR.4": "Building an image takes a Docker engine, which needs privileged mode; "
    "CodeBuild runs each build on a machine of its own.",
    "CT.DYNAMODB.PR.1": "As DynamoDBPITREnabled.",
    "CT.DYNAMODB.PR.2": "DynamoDB encrypts every table, with a key that AWS owns. This one holds "
    "ids of messages for 14 days.",
    "CT.ECR.PR.3": "Tags are immutable but for those of the layer cache, and the two that mark the "
    "live image and the one before; nothing is deployed from these.",
    "CT.ECS.PR.3": "The image says who runs it. `container.user` overrides that, and has no "
    "default that fits every image.",
    "CT.ECS.PR.6": "The sample sets `read_only_root_filesystem` to false; its default is true.",
    "CT.ECS.PR.7": "On Fargate the task's memory is the limit, and it has the one container.",
    "CT.ELASTICLOADBALANCING.PR.1": "The test listener; as ALBHttpToHttpsRedirection.",
    "CT.KMS.PR.3": "The key is for alarms and events on their way. Who may make grants for it IAM "
    "says, as for every key with the CDK's key policy.",
    "CT.LAMBDA.PR.2": "SourceArn is there, and names the account's rules; the rule takes it for "
    "none where the deployment alone knows region and account.",
    "CT.LAMBDA.PR.3": "As LambdaInsideVPC; that for the VPC's default security group is the CDK's.",
    "CT.S3.PR.2": "As S3BucketLoggingEnabled.",
    "CT.S3.PR.4": "Nothing waits for an object: CodePipeline itself starts what reads an artifact.",
    "CT.S3.PR.9": "Artifacts and access logs expire; a lock is for what must not.",
    "CT.S3.PR.10": "As S3DefaultEncryptionKMS.",
    "CT.S3.PR.11": "As S3BucketVersioningEnabled.",
    "CT.SQS.PR.1": "This is the dead-letter queue of a function and of the rules that call it.",
}
"""What the rules of Control Tower find, and why it is right."""


OTHERS_OF_EXISTING = ("accounts-pipeline", "payments-service", "monitoring")
"""What the other sample has that this one has not: CodeCommit, a platform of theirs, a chat."""


@pytest.fixture(scope="module")
def templates(synthesize: Synthesize) -> dict[str, dict[str, Any]]:
    """The templates of one sample with every setting, and what the other has beside these."""
    return {
        f"{sample} {stack.stack_name}": stack.template
        for sample in ("everything", "existing")
        for stack in synthesize(
            json.loads((ROOT / "samples" / "settings" / f"{sample}.json").read_text())
        ).stacks
        if sample == "everything" or stack.stack_name.endswith(OTHERS_OF_EXISTING)
    }


@pytest.fixture(scope="module")
def linted(templates: dict[str, dict[str, Any]]) -> Counter[str]:
    """How often each rule of cfn-lint finds something."""
    rules = Runner(ConfigMixIn(regions=["eu-west-1"])).rules
    found: Counter[str] = Counter()
    for template in templates.values():
        for match in lint(json.dumps(template), rules, ["eu-west-1"]):
            found[match.rule.id] += 1
            if match.rule.id == "E1022":
                assert match.message.startswith("{'Fn::GetStackOutput'"), match
                assert "Fn::Split" in match.path, match
    return found


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin's program and rules, unpacked."""
    machine = {"x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}[platform.machine()]
    system = {"Linux": "ubuntu", "Darwin": "macos"}[platform.system()]
    wanted = (f"{RULES}/", f"package/bin/{system}/{machine}/")
    folder = tmp_path_factory.mktemp("guard")
    (archive,) = (f for f in resources.files(PLUGIN).iterdir() if f.name.endswith(".tgz"))
    with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:gz") as content:
        content.extractall(folder, [m for m in content if m.name.startswith(wanted)], filter="tar")
    (folder / f"package/bin/{system}/{machine}/cfn-guard").rename(folder / "cfn-guard")
    return folder


@pytest.fixture(scope="module")
def found(
    templates: dict[str, dict[str, Any]], guard: Path, tmp_path_factory: pytest.TempPathFactory
) -> Found:
    """The stacks and resources that rules of Control Tower find something about, by their ids."""
    about = {
        rule: set(re.findall(r"[\"'](AWS::\w+::\w+)[\"']", rule.read_text()))
        for rule in (guard / RULES).rglob("*.guard")
    }
    document = tmp_path_factory.mktemp("document") / "template.json"
    found = defaultdict(set)
    for stack, template in templates.items():
        document.write_text(json.dumps(template))
        types = {resource["Type"] for resource in template["Resources"].values()}
        # All of them on each template would take four times as long.
        rules = [rule for rule, its in about.items() if its & types]
        assert len(rules) > 10
        for broken in _judge(guard, rules, document):
            (id_, *_) = re.findall(r"\[(CT\.[A-Z0-9]+\.PR\.\d+)\]", json.dumps(broken))
            found[id_] |= {(stack, path.split("/")[2]) for path in _paths(broken)}
    return dict(found)


def _judge(guard: Path, rules: list[Path], document: Path) -> list[dict[str, Any]]:
    """The rules that the document is not as they have it."""
    given = [part for rule in rules for part in ("--rules", str(rule))]
    options = ["--output-format", "json", "--show-summary", "none", "--structured"]
    finished = subprocess.run(
        [guard / "cfn-guard", "validate", *given, "--data", str(document), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    # 19: some rules say no.
    assert finished.returncode in {0, 19}, finished.stderr
    return [rule for report in json.loads(finished.stdout) for rule in report["not_compliant"]]


def _paths(report: object) -> Iterator[str]:
    match report:
        case {"path": str(path), "value": _} if path.startswith("/Resources/"):
            yield path
        case Mapping():
            for inner in report.values():
                yield from _paths(inner)
        case list():
            for inner in report:
                yield from _paths(inner)


def test_what_cfn_lint_finds_is_explained(linted: Counter[str]) -> None:
    assert set(linted) == set(LINTED)


def test_what_the_rules_of_control_tower_find_is_explained(
    found: Found,
) -> None:
    assert set(found) == set(EXPLAINED), found


def test_a_fault_is_found(guard: Path, tmp_path: Path) -> None:
    """Neither tool says yes to everything."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketNam": "misspelt"}}
    template = json.dumps({"Resources": {"Bucket": bucket}})
    assert "E3002" in {match.rule.id for match in lint(template, None, ["eu-west-1"])}
    document = tmp_path / "template.json"
    document.write_text(template)
    (versioning,) = (guard / RULES).rglob("ct-s3-pr-11.guard")
    assert _judge(guard, [versioning], document)


def test_the_page_is_current(
    linted: Counter[str], found: Found, request: pytest.FixtureRequest
) -> None:
    lines = ["| rule | findings | why it is right |", "|---|---|---|"]
    for id_, reason in LINTED.items():
        lines.append(f"| cfn-lint {id_} | {linted[id_]} | {reason} |")
    for id_, reason in EXPLAINED.items():
        lines.append(f"| {id_} | {len(found[id_])} | {reason} |")
    generated_tables.check(PAGE, "templates", lines, request)
