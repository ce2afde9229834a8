"""What the rule ``CloudWatchAlarm`` does with and without ``AlarmStates`` while the alarm is OK.

Each variant is a stack with a small pipeline: source, and an approval that the rule guards. Where
the rule succeeds with ``OK`` the states that it names are the good ones, where it fails the bad.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from acceptance import source
from acceptance.run import Run

_STACK_SECONDS: Final = 600.0
_RULE_SECONDS: Final = 600.0
_TRIES: Final = 3
_VARIANTS: Final = {"none": "", "ok": "OK", "alarm": "ALARM"}


def ask(run: Run) -> str:
    """Let the rule decide once for each variant; say how."""
    said = []
    for word, states in _VARIANTS.items():
        named = f"with `{states}`" if states else "without"
        stack = f"{run.names.asking}-{word}"
        try:
            said.append(f"{named} {_variant(run, stack, states)}")
        finally:
            run.aws("cloudformation").delete_stack(StackName=stack)
    return f"while the alarm is OK the rule, {'; '.join(said)}"


def _variant(run: Run, name: str, states: str) -> str:
    cloudformation = run.aws("cloudformation")
    pipeline = run.aws("codepipeline").get_pipeline(name=run.names.rolling)["pipeline"]
    bucket = pipeline["artifactStore"]["location"]
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template(run, name, states, bucket)),
        Capabilities=["CAPABILITY_IAM"],
        Tags=[{"Key": key, "Value": value} for key, value in run.names.tags.items()],
    )

    def made() -> str | None:
        run.progress.note(f"{name} is to be made")
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        status: str = stack["StackStatus"]
        return None if status.endswith("_IN_PROGRESS") else status

    status = run.progress.until(made, what=name, seconds=_STACK_SECONDS)
    if status != "CREATE_COMPLETE":
        return f"is refused: {_why(run, name)}"
    # A new role may need a moment until the source action can take it.
    for _ in range(_TRIES):
        seen = _decision(run, name)
        if seen:
            return f"ends as {seen}"
    return "is not reached"


def _decision(run: Run, name: str) -> str:
    """Return how the rule ends in one execution; nothing where that ends before it."""
    codepipeline = run.aws("codepipeline")
    # AWS starts a pipeline when it is made, and a second execution would wait behind that one.
    execution = run.pipelines.running(name) or run.pipelines.start(name)

    def decided() -> str | None:
        run.progress.note(f"{name} is to decide")
        listed = codepipeline.list_rule_executions(
            pipelineName=name, filter={"pipelineExecutionId": execution}
        )["ruleExecutionDetails"]
        ended = [str(rule["status"]) for rule in listed if rule["status"] != "InProgress"]
        if ended:
            return ended[0]
        return "" if run.pipelines.status(name, execution) == "Failed" else None

    seen = run.progress.until(decided, what=f"the rule of {name}", seconds=_RULE_SECONDS)
    if run.pipelines.status(name, execution) == "InProgress":
        codepipeline.stop_pipeline_execution(
            pipelineName=name, pipelineExecutionId=execution, abandon=True
        )
    return seen


def template(run: Run, name: str, states: str, bucket: str) -> Mapping[str, Any]:
    """Return the template of a variant.

    Parameters
    ----------
    run
        The run, of whose service with rolling updates the repository is the source.
    name
        The pipeline's name.
    states
        What ``AlarmStates`` says; left out if it is empty.
    bucket
        The bucket for artifacts.
    """
    configuration = {"AlarmName": run.names.alarm, **({"AlarmStates": states} if states else {})}
    rule = {
        "Name": "Alarm",
        "RuleTypeId": {
            "Category": "Rule",
            "Owner": "AWS",
            "Provider": "CloudWatchAlarm",
            "Version": "1",
        },
        "Configuration": configuration,
    }
    code = {
        "RepositoryName": run.names.rolling,
        "BranchName": source.BRANCH,
        "PollForSourceChanges": False,
    }
    guarded = {
        "Name": "Guarded",
        "BeforeEntry": {"Conditions": [{"Result": "FAIL", "Rules": [rule]}]},
        "Actions": [_action("Approve", "Approval", "Manual")],
    }
    taken = _action("Source", "Source", "CodeCommit", Configuration=code)
    taken["OutputArtifacts"] = [{"Name": "Source"}]
    return {
        "Description": "Asks a question of an acceptance run; deleted at its end",
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": _role(run, bucket)},
            "Pipeline": {
                "Type": "AWS::CodePipeline::Pipeline",
                "Properties": {
                    "Name": name,
                    "PipelineType": "V2",
                    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "ArtifactStore": {"Type": "S3", "Location": bucket},
                    "Stages": [{"Name": "Source", "Actions": [taken]}, guarded],
                },
            },
        },
    }


def _action(name: str, category: str, provider: str, **more: Any) -> dict[str, Any]:
    kind = {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}
    return {"Name": name, "ActionTypeId": kind, "RunOrder": 1, **more}


def _role(run: Run, bucket: str) -> Mapping[str, Any]:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "codepipeline.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    repository = f"codecommit:${{AWS::Region}}:${{AWS::AccountId}}:{run.names.rolling}"
    allowed = [
        (
            [
                "codecommit:CancelUploadArchive",
                "codecommit:GetBranch",
                "codecommit:GetCommit",
                "codecommit:GetUploadArchiveStatus",
                "codecommit:UploadArchive",
            ],
            f"arn:${{AWS::Partition}}:{repository}",
        ),
        (["s3:GetObject", "s3:PutObject"], f"arn:${{AWS::Partition}}:s3:::{bucket}/*"),
        (["s3:GetBucket*", "s3:ListBucket"], f"arn:${{AWS::Partition}}:s3:::{bucket}"),
        (["cloudwatch:DescribeAlarms"], "*"),
    ]
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": {"Fn::Sub": resource}}
        for actions, resource in allowed
    ]
    return {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [
            {
                "PolicyName": "Pipeline",
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            }
        ],
    }


def _why(run: Run, stack: str) -> str:
    events = run.aws("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    return str(failed[-1].get("ResourceStatusReason", "")) if failed else "without a reason"
