"""Roles and their policies out of templates, with names and ARNs in the place of references.

Names that CloudFormation would make up are those of the templates' logical ids; all else is as it
is deployed. What is not known how to resolve is an error: a wrong ARN would make a test worthless.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ACCOUNT: Final = "111122223333"
REGION: Final = "ap-northeast-1"

_HASH: Final = re.compile(r"[0-9A-F]{8}$")
_PSEUDO: Final = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
# Type -> service and resource of the ARN, and the property with the name.
_ARNS: Final = {
    "AWS::CodeBuild::Project": ("codebuild", "project/{}", "Name"),
    "AWS::CodeBuild::ReportGroup": ("codebuild", "report-group/{}", "Name"),
    "AWS::CodeConnections::Connection": ("codeconnections", "connection/{}", "ConnectionName"),
    "AWS::CodePipeline::Pipeline": ("codepipeline", "{}", "Name"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "alarm:{}", "AlarmName"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch", "alarm:{}", "AlarmName"),
    "AWS::DynamoDB::Table": ("dynamodb", "table/{}", "TableName"),
    "AWS::ECR::Repository": ("ecr", "repository/{}", "RepositoryName"),
    "AWS::ECS::Cluster": ("ecs", "cluster/{}", "ClusterName"),
    # Its ARN has the cluster's name in it: policies are written with both names.
    "AWS::ECS::Service": ("ecs", "", "ServiceName"),
    "AWS::ElasticLoadBalancingV2::Listener": ("elasticloadbalancing", "listener/app/{}", ""),
    "AWS::ElasticLoadBalancingV2::ListenerRule": (
        "elasticloadbalancing",
        "listener-rule/app/lb/1/2/{}",
        "",
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (
        "elasticloadbalancing",
        "targetgroup/{}/1",
        "Name",
    ),
    "AWS::Events::Rule": ("events", "rule/{}", "Name"),
    "AWS::IAM::Role": ("iam", "role/{}", "RoleName"),
    "AWS::KMS::Key": ("kms", "key/{}", ""),
    "AWS::Lambda::Function": ("lambda", "function:{}", "FunctionName"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{}:*", "LogGroupName"),
    "AWS::S3::Bucket": ("s3", "{}", "BucketName"),
    "AWS::SNS::Topic": ("sns", "{}", "TopicName"),
    "AWS::SQS::Queue": ("sqs", "{}", "QueueName"),
    "AWS::SSM::Parameter": ("ssm", "parameter/{}", "Name"),
}
# Types whose Ref is their ARN.
_REF_IS_ARN: Final = {
    "AWS::CodeConnections::Connection",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::SNS::Topic",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """A role with what it may do.

    Attributes
    ----------
    stack, logical_id
        Where it is made.
    arn
        Its ARN.
    trust
        Its trust policy.
    policies
        Name -> policy document; those of AWS by their ARN, with None for the document.
    """

    stack: str
    logical_id: str
    arn: str
    trust: Mapping[str, Any]
    policies: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its stack, and the logical id without the hash that the CDK appends."""
        return f"{self.stack}/{_HASH.sub('', self.logical_id)}"

    def grants(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each action that it is allowed, with the statement; AWS's own policies are left out."""
        for document in self.policies.values():
            for statement in document["Statement"] if document else ():
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    yield action, statement


def roles_of(templates: Mapping[str, Mapping[str, Any]]) -> list[Role]:
    """Return all roles.

    Parameters
    ----------
    templates
        By the names of their stacks.

    Raises
    ------
    LookupError
        A policy refers to something that cannot be resolved.
    """
    app = _App(templates)
    return [role for stack in templates for role in app.roles(stack)]


class _App:
    def __init__(self, templates: Mapping[str, Mapping[str, Any]]) -> None:
        self._templates = templates

    def roles(self, stack: str) -> list[Role]:
        resources = self._templates[stack]["Resources"]
        roles = {
            logical_id: Role(
                stack=stack,
                logical_id=logical_id,
                arn=self._arn(stack, logical_id),
                trust=self._resolve(stack, resource["Properties"]["AssumeRolePolicyDocument"]),
                policies=self._own(stack, resource["Properties"]),
            )
            for logical_id, resource in resources.items()
            if resource["Type"] == "AWS::IAM::Role"
        }
        for logical_id, resource in resources.items():
            if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
                properties = resource["Properties"]
                for reference in properties.get("Roles", ()):
                    role = roles[reference["Ref"]]
                    role.policies[logical_id] = self._resolve(stack, properties["PolicyDocument"])
        return list(roles.values())

    def _own(self, stack: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        inline = {
            each["PolicyName"]: self._resolve(stack, each["PolicyDocument"])
            for each in properties.get("Policies", ())
        }
        managed = self._resolve(stack, properties.get("ManagedPolicyArns", []))
        return {**inline, **dict.fromkeys(managed)}

    def _resolve(self, stack: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolve(stack, each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, given),) = value.items()
            match function:
                case "Ref":
                    return self._ref(stack, given)
                case "Fn::GetAtt":
                    return self._attribute(stack, *given)
                case "Fn::Join":
                    separator, parts = given
                    return separator.join(self._resolve(stack, each) for each in parts)
                case "Fn::Sub":
                    return re.sub(r"\$\{([^}]+)\}", lambda m: self._ref(stack, m[1]), given)
                case "Fn::GetStackOutput":
                    other = given["StackName"]
                    output = self._templates[other]["Outputs"][given["OutputName"]]
                    return self._resolve(other, output["Value"])
                case "Fn::ImportValue":
                    return self._imported(given)
                case "Fn::Select":
                    index, parts = given
                    return self._resolve(stack, parts)[int(index)]
                case "Fn::Split":
                    separator, text = given
                    return self._resolve(stack, text).split(separator)
            if function.startswith("Fn::"):
                raise LookupError(f"{stack} uses {function} in a role, which is not known here")
        return {key: self._resolve(stack, each) for key, each in value.items()}

    def _imported(self, name: str) -> Any:
        for stack, template in self._templates.items():
            for output in template.get("Outputs", {}).values():
                if output.get("Export", {}).get("Name") == name:
                    return self._resolve(stack, output["Value"])
        raise LookupError(f"No stack exports {name}")

    def _ref(self, stack: str, logical_id: str) -> str:
        if logical_id in _PSEUDO:
            return _PSEUDO[logical_id]
        template = self._templates[stack]
        if logical_id in template.get("Parameters", {}):
            return str(template["Parameters"][logical_id].get("Default", logical_id))
        if template["Resources"][logical_id]["Type"] in _REF_IS_ARN:
            return self._arn(stack, logical_id)
        return self._name(stack, logical_id)

    def _attribute(self, stack: str, logical_id: str, attribute: str) -> str:
        kind = self._templates[stack]["Resources"][logical_id]["Type"]
        if attribute in ("Arn", "ConnectionArn", "AlarmArn", "TopicArn", "TargetGroupArn"):
            return self._arn(stack, logical_id)
        if attribute in ("Name", "RoleName") and kind in _ARNS:
            return self._name(stack, logical_id)
        if attribute in ("ListenerArn", "RuleArn"):
            return self._arn(stack, logical_id)
        # Something like the id of a security group.
        return f"{logical_id}.{attribute}"

    def _name(self, stack: str, logical_id: str) -> str:
        resource = self._templates[stack]["Resources"][logical_id]
        prop = _ARNS.get(resource["Type"], ("", "", ""))[2]
        given = resource.get("Properties", {}).get(prop) if prop else None
        return str(self._resolve(stack, given)) if given else f"{stack}-{logical_id}"

    def _arn(self, stack: str, logical_id: str) -> str:
        kind = self._templates[stack]["Resources"][logical_id]["Type"]
        service, pattern, _ = _ARNS.get(kind, ("", "", ""))
        if not pattern:
            raise LookupError(f"The ARN of a {kind} is not known here ({stack}, {logical_id})")
        where = {"iam": f":{ACCOUNT}", "s3": ":"}.get(service, f"{REGION}:{ACCOUNT}")
        return f"arn:aws:{service}:{where}:" + pattern.format(self._name(stack, logical_id))
