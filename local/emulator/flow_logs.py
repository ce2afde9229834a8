"""VPC flow logs for CloudFormation."""

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from local.emulator.resources import Attributes, Created, Declared, Properties, add_resource_type


def register() -> None:
    """Add the resource type."""
    add_resource_type(
        "AWS::EC2::FlowLog",
        create=_create,
        delete=_delete,
        update=_retag,
        # Only the tags of a flow log can change.
        replaces=(
            "DeliverLogsPermissionArn",
            "DestinationOptions",
            "LogDestination",
            "LogDestinationType",
            "LogFormat",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "ResourceType",
            "TrafficType",
        ),
        tags="Tags",
    )


def _create(declared: Declared) -> Created:
    before = set(ec2._flow_logs)
    texts = {key: [text] for key, text in declared.properties.items() if isinstance(text, str)}
    ec2._create_flow_logs({**texts, "ResourceId.1": texts.pop("ResourceId")})
    (flow_log,) = set(ec2._flow_logs) - before
    provisioners._ec2_apply_tags(flow_log, declared.properties)
    return flow_log, {"Id": flow_log}


def _retag(flow_log: str, old: Properties, declared: Declared) -> Attributes:
    provisioners._ec2_apply_tags(flow_log, declared.properties, old)
    return {"Id": flow_log}


def _delete(flow_log: str, _: Properties) -> None:
    ec2._delete_flow_logs({"FlowLogId.1": [flow_log]})
