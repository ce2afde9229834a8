"""Whether another deployment controller replaces a service: asked by a change set alone."""

import contextlib
import json
from typing import Any, Final

from botocore.exceptions import ClientError

from acceptance.errors import NotAnswerableError
from acceptance.run import Run

_SECONDS: Final = 300.0
_SERVICE: Final = "AWS::ECS::Service"
_DONE: Final = ("CREATE_COMPLETE", "FAILED")


def ask(run: Run) -> str:
    """Make a change set for another controller; say what it would do to the service."""
    client, stack = run.aws("cloudformation"), run.names.stack(run.names.rolling, "service")
    body = client.get_template(StackName=stack)["TemplateBody"]
    template: dict[str, Any] = json.loads(body) if isinstance(body, str) else dict(body)
    services = [one for one in template["Resources"].values() if one["Type"] == _SERVICE]
    services[0]["Properties"]["DeploymentController"] = {"Type": "CODE_DEPLOY"}
    (described,) = client.describe_stacks(StackName=stack)["Stacks"]
    named = {"StackName": stack, "ChangeSetName": run.names.asking}
    client.create_change_set(
        **named,
        ChangeSetType="UPDATE",
        TemplateBody=json.dumps(template, separators=(",", ":")),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": parameter["ParameterKey"], "UsePreviousValue": True}
            for parameter in described.get("Parameters", ())
        ],
    )
    try:

        def look() -> Any:
            run.progress.note("a change set is to be made")
            found = client.describe_change_set(**named)
            return found if found["Status"] in _DONE else None

        made = run.progress.until(look, what="a change set", seconds=_SECONDS)
    finally:
        with contextlib.suppress(ClientError):
            client.delete_change_set(**named)
    if made["Status"] == "FAILED":
        raise NotAnswerableError(f"the change set failed: {made.get('StatusReason', '')}")
    for change in made["Changes"]:
        resource = change["ResourceChange"]
        if resource["ResourceType"] == _SERVICE:
            return (
                f"from ECS to CODE_DEPLOY the change set says {resource['Action']}, "
                f"Replacement {resource.get('Replacement', 'not said')}"
            )
    raise NotAnswerableError("the change set does not name the service")
