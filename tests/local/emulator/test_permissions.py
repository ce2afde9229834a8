"""What IAM would deny, the emulator denies: by policies, trust and conditions."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import approval, project
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, Registry, eventually, packed
from tests.local.emulator.pipeline import Pipeline

LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/cluster"
Statement = Mapping[str, Any]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("permissions")
    machine = folder / "build.json"
    machine.write_text(json.dumps({"PATH": os.environ["PATH"]}))
    emulator = Emulator(folder, "--complete-connections", "--build-environment", str(machine))
    emulator.start()
    yield emulator
    emulator.stop()


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trusting(principal: Mapping[str, str], **more: Any) -> Statement:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}


@pytest.fixture
def role(strict: Emulator) -> Callable[..., str]:
    """Make a role with these statements; trusted by Lambda unless it is said otherwise."""

    def make(*statements: Statement, trust: Statement | None = None) -> str:
        name = strict.new_name("role")
        trust = trust or trusting({"Service": "lambda.amazonaws.com"})
        iam = strict.client("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy(trust)))
        if statements:
            iam.put_role_policy(
                RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy(*statements))
            )
        return str(made["Role"]["Arn"])

    return make


def policy(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def by(strict: Emulator, role: str, service: str) -> Any:
    """Return a client that calls by a role, as functions and builds do."""
    return boto3.client(
        service,
        endpoint_url=strict.url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="any",
        aws_session_token=role,
    )


def decide(
    strict: Emulator, principal: str, action: str, resource: str, **context: str
) -> dict[str, Any]:
    body = {"principal": principal, "action": action, "resource": resource, "context": context}
    status, answer = strict.local("POST", "permissions", json.dumps(body).encode())
    assert status == 200, answer
    return answer


def denied(strict: Emulator, principal: str) -> list[tuple[str, str]]:
    calls = strict.local("GET", "permissions")[1]["calls"]
    return [
        (call["action"], call["resource"])
        for call in calls
        if call["principal"] == principal and call["denied"]
    ]


def test_a_call_is_denied_that_no_policy_allows_and_told(
    strict: Emulator, role: Callable[..., str]
) -> None:
    mine = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/mine"
    writer = role(allow("ssm:PutParameter", mine))
    ssm = by(strict, writer, "ssm")
    ssm.put_parameter(Name="/mine", Type="String", Value="a")
    with pytest.raises(ClientError, match="not authorized to perform: ssm:PutParameter") as error:
        ssm.put_parameter(Name="/theirs", Type="String", Value="a")
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    theirs = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/theirs"
    assert denied(strict, writer) == [("ssm:PutParameter", theirs)]
    (told,) = [
        call["denied"]
        for call in strict.local("GET", "permissions")[1]["calls"]
        if call["principal"] == writer and call["denied"]
    ]
    assert mine in told, "the statement that comes closest is named"


def test_events_are_put_by_their_source(strict: Emulator, role: Callable[..., str]) -> None:
    mine = {"ForAllValues:StringEquals": {"events:source": "mine"}}
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    events = by(strict, role(allow("events:PutEvents", bus, Condition=mine)), "events")
    entry = {"DetailType": "kind", "Detail": "{}"}
    assert events.put_events(Entries=[{**entry, "Source": "mine"}])["FailedEntryCount"] == 0
    for sources in (["theirs"], ["mine", "theirs"]):
        with pytest.raises(ClientError, match="not authorized to perform: events:PutEvents"):
            events.put_events(Entries=[{**entry, "Source": source} for source in sources])


def test_a_stack_is_described_by_its_name(strict: Emulator, role: Callable[..., str]) -> None:
    stack = strict.deploy({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})
    arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/*"
    reader = by(strict, role(allow("cloudformation:DescribeStacks", arn)), "cloudformation")
    assert len(reader.describe_stacks(StackName=stack)["Stacks"]) == 1
    with pytest.raises(ClientError, match="not authorized to perform"):
        reader.describe_stacks(StackName="another")


def test_whoever_has_no_role_is_asked_nothing(strict: Emulator) -> None:
    strict.client("ssm").put_parameter(Name="/by-hand", Type="String", Value="a")
    calls = strict.local("GET", "permissions")[1]["calls"]
    assert not [call for call in calls if "by-hand" in call["resource"]]


def test_a_role_that_is_not_there_may_do_nothing(strict: Emulator) -> None:
    nobody = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    with pytest.raises(ClientError, match="AccessDenied"):
        by(strict, nobody, "s3").list_buckets()


def test_every_service_denies_in_its_own_protocol(
    strict: Emulator, role: Callable[..., str]
) -> None:
    nothing = role()
    for service, call in {
        "ecs": lambda client: client.list_clusters(),
        "elbv2": lambda client: client.describe_rules(),
        "logs": lambda client: client.describe_log_groups(),
        "s3": lambda client: client.get_object(Bucket="some", Key="some"),
        "sns": lambda client: client.list_topics(),
        "codepipeline": lambda client: client.get_pipeline_state(name="some"),
    }.items():
        with pytest.raises(ClientError, match="not authorized to perform") as error:
            call(by(strict, nothing, service))
        code = error.value.response["Error"]["Code"]
        assert "AccessDenied" in code or code == "AuthorizationError", service


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        # `log_group_arn` of the CDK ends in `:*` already: the second would be one too many.
        (f"{LOGS}:group:*", True),
        (f"{LOGS}:group:log-stream:*", True),
        (f"{LOGS}:group:*:log-stream:*", False),
    ],
)
def test_a_log_stream_is_what_log_events_are_read_from(
    strict: Emulator, role: Callable[..., str], resource: str, allowed: bool
) -> None:
    reader = role(allow("logs:GetLogEvents", resource))
    stream = f"{LOGS}:group:log-stream:build/1"
    assert decide(strict, reader, "logs:GetLogEvents", stream)["allowed"] is allowed


def test_an_action_that_cannot_be_scoped_needs_a_star(
    strict: Emulator, role: Callable[..., str]
) -> None:
    registry = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shop"
    for scoped in (allow("ecr:GetAuthorizationToken", registry), allow("ecr:*", registry)):
        with pytest.raises(ClientError, match="AccessDenied"):
            by(strict, role(scoped), "ecr").get_authorization_token()
    by(strict, role(allow("ecr:GetAuthorizationToken")), "ecr").get_authorization_token()


def test_a_hook_answers_for_the_deployment_group_that_it_may(
    strict: Emulator, role: Callable[..., str]
) -> None:
    group = f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:deploymentgroup:shop"
    answer = "codedeploy:PutLifecycleEventHookExecutionStatus"
    hook = role(allow(answer, f"{group}/own"))
    assert decide(strict, hook, answer, f"{group}/own")["allowed"]
    assert not decide(strict, hook, answer, f"{group}/other")["allowed"]


def test_an_action_that_does_not_exist_is_denied(
    strict: Emulator, role: Callable[..., str]
) -> None:
    answer = decide(strict, role(allow("ecr:*")), "ecr:PullImage", "*")
    assert answer == {"allowed": False, "reason": '{"message":"invalid.action"}'}


def test_roles_are_passed_to_whom_the_condition_names(
    strict: Emulator, role: Callable[..., str]
) -> None:
    execution = f"arn:aws:iam::{ACCOUNT}:role/execution"
    definition = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/shop:*"
    to = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    deployer = role(
        allow("ecs:RegisterTaskDefinition", definition),
        allow("iam:PassRole", execution, Condition=to),
    )
    ecs = by(strict, deployer, "ecs")
    containers = [{"name": "app", "image": "app"}]
    ecs.register_task_definition(
        family="shop", containerDefinitions=containers, executionRoleArn=execution
    )
    other = f"arn:aws:iam::{ACCOUNT}:role/administrator"
    with pytest.raises(ClientError, match=r"iam:PassRole on resource: .*administrator"):
        ecs.register_task_definition(
            family="shop", containerDefinitions=containers, taskRoleArn=other
        )
    with pytest.raises(ClientError, match="ecs:TagResource"):
        ecs.register_task_definition(
            family="shop", containerDefinitions=containers, tags=[{"key": "a", "value": "b"}]
        )
    lambda_ = {"iam:PassedToService": "lambda.amazonaws.com"}
    assert not decide(strict, deployer, "iam:PassRole", execution, **lambda_)["allowed"]


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("codebuild", "start_build", {"projectName": "a", "serviceRoleOverride": "ROLE"}),
        ("events", "put_targets", {"Rule": "a", "Targets": [{"Id": "b", "Arn": "ROLE"}]}),
        (
            "lambda",
            "create_function",
            {"FunctionName": "a", "Role": "ROLE", "Code": {"ZipFile": b""}},
        ),
        ("lambda", "update_function_configuration", {"FunctionName": "a", "Role": "ROLE"}),
        (
            "codepipeline",
            "update_pipeline",
            {
                "pipeline": {
                    "name": "a",
                    "roleArn": "ROLE",
                    "stages": [{"name": "b", "actions": []}],
                }
            },
        ),
    ],
)
def test_a_role_is_passed_by_whoever_names_it(
    strict: Emulator,
    role: Callable[..., str],
    service: str,
    operation: str,
    request_: dict[str, Any],
) -> None:
    passed = f"arn:aws:iam::{ACCOUNT}:role/administrator"

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: named(each) for key, each in value.items()}
        if isinstance(value, list):
            return [named(each) for each in value]
        return passed if value == "ROLE" else value

    request = named(request_)
    if service == "events":
        request["Targets"][0]["RoleArn"] = passed
    to = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    maker = role(allow([f"{service}:*"]), allow("iam:PassRole", Condition=to))
    without = role(allow([f"{service}:*"]), allow("iam:PassRole", f"{passed}-other"))
    with pytest.raises(ClientError, match=r"iam:PassRole on resource: .*administrator"):
        getattr(by(strict, without, service), operation)(**request)
    with contextlib.suppress(ClientError):  # something else is not there
        getattr(by(strict, maker, service), operation)(**request)
    assert denied(strict, maker) == []


def test_a_service_is_named_with_its_cluster(strict: Emulator, role: Callable[..., str]) -> None:
    deployer = role(allow("ecs:UpdateService", f"{SERVICE}/shop"))
    ecs = by(strict, deployer, "ecs")
    for cluster, service in (("cluster", "other"), ("elsewhere", "shop")):
        with pytest.raises(ClientError, match=f"service/{cluster}/{service}"):
            ecs.update_service(cluster=cluster, service=service)
    with pytest.raises(ClientError) as error:  # it is allowed, and not there
        ecs.update_service(cluster="cluster", service=f"{SERVICE}/shop")
    assert "AccessDenied" not in error.value.response["Error"]["Code"]


def test_conditions_are_on_what_the_request_says(
    strict: Emulator, role: Callable[..., str]
) -> None:
    cluster = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/cluster"
    lister = role(allow("ecs:ListTasks", Condition={"ArnEquals": {"ecs:cluster": cluster}}))
    strict.client("ecs").create_cluster(clusterName="cluster")
    by(strict, lister, "ecs").list_tasks(cluster="cluster")
    with pytest.raises(ClientError, match="AccessDenied"):
        by(strict, lister, "ecs").list_tasks(cluster="other")


def test_a_bucket_policy_denies_what_the_role_may(
    strict: Emulator, role: Callable[..., str]
) -> None:
    s3 = strict.client("s3")
    s3.create_bucket(Bucket="guarded", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="guarded", Key="secret/a", Body=b"a")
    s3.put_object(Bucket="guarded", Key="b", Body=b"b")
    reader = role(allow("s3:GetObject", "arn:aws:s3:::guarded/*"))
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::guarded/secret/*",
    }
    s3.put_bucket_policy(Bucket="guarded", Policy=json.dumps(policy(deny)))
    by(strict, reader, "s3").get_object(Bucket="guarded", Key="b")
    with pytest.raises(ClientError, match="AccessDenied"):
        by(strict, reader, "s3").get_object(Bucket="guarded", Key="secret/a")
    with pytest.raises(ClientError, match="AccessDenied"):
        by(strict, reader, "s3").put_object(Bucket="guarded", Key="b", Body=b"c")


def test_a_role_is_assumed_by_whom_it_trusts(strict: Emulator, role: Callable[..., str]) -> None:
    recorder = role(allow("sts:AssumeRole"))
    trusted = role(allow("ssm:GetParameter"), trust=trusting({"AWS": recorder}))
    for_others = role(allow("ssm:GetParameter"), trust=trusting({"AWS": role()}))
    strict.client("ssm").put_parameter(Name="/assumed", Type="String", Value="a")
    sts = by(strict, recorder, "sts")
    keys = sts.assume_role(RoleArn=trusted, RoleSessionName="one")["Credentials"]
    ssm = boto3.client(
        "ssm",
        endpoint_url=strict.url,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    ssm.get_parameter(Name="/assumed")
    with pytest.raises(ClientError, match="ssm:PutParameter"):
        ssm.put_parameter(Name="/assumed", Type="String", Value="b", Overwrite=True)
    with pytest.raises(ClientError, match="sts:AssumeRole"):
        sts.assume_role(RoleArn=for_others, RoleSessionName="two")


def test_a_service_assumes_a_role_under_the_conditions_of_its_trust(
    strict: Emulator, role: Callable[..., str]
) -> None:
    mine = trusting(
        {"Service": "codebuild.amazonaws.com"},
        Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    )
    theirs = trusting(
        {"Service": "codebuild.amazonaws.com"},
        Condition={"StringEquals": {"aws:SourceAccount": "222222222222"}},
    )
    for trust, allowed in ((mine, True), (theirs, False)):
        made = role(trust=trust)
        answer = decide(strict, "codebuild.amazonaws.com", "sts:AssumeRole", made)
        assert answer["allowed"] is allowed
        assert not decide(strict, "ecs.amazonaws.com", "sts:AssumeRole", made)["allowed"]


@pytest.mark.parametrize(
    ("repository", "needed", "status"),
    [
        ("acme/shop", "read_only", "SUCCEEDED"),
        ("acme/other", "read_only", "FAILED"),
        ("acme/shop", "read_write", "FAILED"),
    ],
)
def test_a_build_clones_by_its_own_role(
    strict: Emulator, role: Callable[..., str], repository: str, needed: str, status: str
) -> None:
    connection = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/0f1e"
    conditions = {
        "codeconnections:FullRepositoryId": "acme/shop",
        "codeconnections:ProviderPermissionsRequired": "read_only",
    }
    use = "codeconnections:UseConnection"
    builder = role(
        allow(["s3:GetObject", "logs:*"]),
        allow(use, connection, Condition={"StringEqualsIfExists": conditions}),
        trust=trusting({"Service": "codebuild.amazonaws.com"}),
    )
    context = {
        "codeconnections:FullRepositoryId": repository,
        "codeconnections:ProviderPermissionsRequired": needed,
    }
    bucket, s3 = strict.new_name("sources"), strict.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(
        Bucket=bucket,
        Key="source",
        Body=packed({"a.txt": "a"}),
        Metadata={"clone": json.dumps([use, connection, context])},
    )
    spec = {"version": 0.2, "phases": {"build": {"commands": ["cat a.txt"]}}}
    source = {"Type": "S3", "Location": f"{bucket}/source"}
    name = strict.new_name("project")
    made = project(json.dumps(spec), Name=name, Source=source, ServiceRole=builder)
    strict.deploy({"Resources": {"Build": made}})
    codebuild = strict.client("codebuild")
    started = codebuild.start_build(projectName=name)["build"]["id"]

    def over() -> dict[str, Any] | None:
        (build,) = codebuild.batch_get_builds(ids=[started])["builds"]
        return build if build["buildComplete"] else None

    build = eventually(over)
    assert build["buildStatus"] == status
    if status == "FAILED":
        failed = next(each for each in build["phases"] if each.get("phaseStatus") == "FAILED")
        assert failed["phaseType"] == "DOWNLOAD_SOURCE"
        assert use in failed["contexts"][0]["message"]
        assert denied(strict, builder) == [(use, connection)]


def test_the_registry_asks_the_role_that_its_token_was_issued_to(
    strict: Emulator, role: Callable[..., str]
) -> None:
    for name in ("shop", "other"):
        strict.client("ecr").create_repository(repositoryName=name)
    push = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:CompleteLayerUpload",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
    ]
    builder = role(
        allow("ecr:GetAuthorizationToken"),
        allow(push, f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shop"),
    )
    token = by(strict, builder, "ecr").get_authorization_token()["authorizationData"][0]
    own, foreign = Registry(strict, "shop"), Registry(strict, "other")
    for registry in (own, foreign):
        registry.headers = {"Authorization": f"Basic {token['authorizationToken']}"}
    assert own.push("one")[0] == 201
    assert own.call("GET", "/v2/shop/manifests/one")[0] == 403, "it may push and not pull"
    status, answer, _ = foreign.call("POST", "/v2/other/blobs/uploads/")
    assert (status, answer["errors"][0]["code"]) == (403, "DENIED")


def test_functions_call_by_their_role(strict: Emulator, role: Callable[..., str]) -> None:
    code = """
import boto3
def handle(event, context):
    return boto3.client("ssm").get_parameter(Name=event)["Parameter"]["Value"]
"""
    own = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/function"
    functions = strict.client("lambda")
    strict.client("ssm").put_parameter(Name="/function", Type="String", Value="a")
    reader = role(allow("ssm:GetParameter", own))
    functions.create_function(
        FunctionName="reader",
        Runtime="python3.13",
        Handler="index.handle",
        Role=reader,
        Code={"ZipFile": packed({"index.py": code})},
    )
    allowed = functions.invoke(FunctionName="reader", Payload=b'"/function"')
    assert json.loads(allowed["Payload"].read()) == "a"
    refused = functions.invoke(FunctionName="reader", Payload=b'"/by-hand"')
    assert "AccessDenied" in json.loads(refused["Payload"].read())["errorMessage"]


PIPELINES = {"Service": "codepipeline.amazonaws.com"}


@pytest.mark.parametrize(
    ("statements", "trusted", "missing"),
    [
        ([], {"Service": "lambda.amazonaws.com"}, "sts:AssumeRole"),
        ([], PIPELINES, "codeconnections:UseConnection"),
        ([allow("codeconnections:UseConnection")], PIPELINES, "s3:PutObject"),
    ],
)
def test_an_action_that_its_role_does_not_allow_fails(
    strict: Emulator,
    role: Callable[..., str],
    statements: list[Statement],
    trusted: Mapping[str, str],
    missing: str,
) -> None:
    own = role(*statements, trust=trusting(trusted))
    pipeline = Pipeline(strict, {"Gate": [approval()]}, RoleArn=own)
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    error = pipeline.error(execution, "Source")
    assert error["code"] == "PermissionError"
    assert f"not authorized to perform: {missing} on" in error["message"]


def test_alarms_reach_the_topics_that_let_them(strict: Emulator) -> None:
    sns, cloudwatch = strict.client("sns"), strict.client("cloudwatch")
    open_topic = sns.create_topic(Name="open")["TopicArn"]
    closed = sns.create_topic(Name="closed")["TopicArn"]
    events_only = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": closed,
    }
    sns.set_topic_attributes(
        TopicArn=closed, AttributeName="Policy", AttributeValue=json.dumps(policy(events_only))
    )
    cloudwatch.put_metric_alarm(
        AlarmName="broken",
        Namespace="Shop",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[open_topic, closed],
    )
    cloudwatch.set_alarm_state(AlarmName="broken", StateValue="ALARM", StateReason="a test")
    assert denied(strict, "cloudwatch.amazonaws.com") == [("sns:Publish", closed)]


def test_rules_reach_the_functions_that_let_them(
    strict: Emulator, role: Callable[..., str]
) -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:told"
    functions, events = strict.client("lambda"), strict.client("events")
    functions.create_function(
        FunctionName="told",
        Runtime="python3.13",
        Handler="index.handle",
        Role=role(),
        Code={"ZipFile": packed({"index.py": "def handle(event, context): pass\n"})},
    )
    rule = events.put_rule(Name="tells", EventPattern=json.dumps({"source": ["shop"]}))["RuleArn"]
    events.put_targets(Rule="tells", Targets=[{"Id": "one", "Arn": function}])

    def send() -> list[str]:
        events.put_events(Entries=[{"Source": "shop", "DetailType": "a", "Detail": "{}"}])
        calls = strict.local("GET", "permissions")[1]["calls"]
        return [
            "denied" if call["denied"] else "allowed"
            for call in calls
            if call["principal"] == "events.amazonaws.com" and call["resource"] == function
        ]

    assert send() == ["denied"]
    functions.add_permission(
        FunctionName="told",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    assert send() == ["denied", "allowed"]
