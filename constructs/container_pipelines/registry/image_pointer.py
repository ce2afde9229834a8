"""The image pointer: which image of a service is live, and which was before."""

import functools
import weakref
from typing import Final

from aws_cdk import RemovalPolicy, Stack, Stage
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ssm as ssm
from aws_cdk import custom_resources as cr
from constructs import Construct, IConstruct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._checks import check_name, is_token
from container_pipelines._findings import LOGS, ROLES, of_function
from container_pipelines._once import arn, stack_of
from container_pipelines._types import checked

SEED_IMAGE: Final = "us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0"
"""The image that a service starts with before its first release.

It listens on the port that the environment variable ``PORT`` names, answers every path with 200,
runs as a non-root user, and shows nothing of its environment. ``LoadBalancedService`` sets ``PORT``
to the container's port for every image, so a release leaves nothing of the seed behind.
"""

LIVE_TAG: Final = "live"
"""The tag that a release puts on the live image; nothing deploys from it."""

PREVIOUS_TAG: Final = "previous"
"""The tag that a release puts on the image that was live before."""

# A suffix and no level below: Parameter Store has 15 levels, and a pointer may use them all.
_PREVIOUS: Final = "-previous"
_DRIFT: Final = "-drift"
_MAKER: Final = "ImagePointerMaker"
_FUNCTION_FINDINGS: Final = of_function(
    "CloudFormation calls it and waits for its answer: a failure fails the deployment, with its "
    "reason."
)

_pointers: Final[weakref.WeakKeyDictionary[IConstruct, dict[tuple[str, str, str], str]]] = (
    weakref.WeakKeyDictionary()
)


@checked()
class ImagePointer(Construct):
    """A parameter in Parameter Store that holds the image that is live.

    The task definition reads it, a verified release writes it. CloudFormation looks the value up
    anew at each stack update, so ``cdk deploy`` ships changed settings and keeps the running image.

    The parameter is no resource of CloudFormation, which would write the template's value again
    with whatever else changes, even a tag of the stack. A custom resource makes it, if it is not
    there already, and never touches it again: neither another seed image nor deleting the stack
    does.

    A second parameter holds the image that was live before, for a rollback. Until
    there was one it holds the seed image.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    parameter_name
        The parameter's full path, starting with a slash. It must be a plain string: the stack
        that reads the pointer names it in a template parameter.
    seed_image
        The image that a service starts with before its first release. It must answer the
        service's health check on the port that the environment variable ``PORT`` names.
    repository
        The repository in which a release tags the live image with ``live`` and the one before with
        ``previous``, so that its lifecycle keeps them. It must let the two tags move. By default
        nothing is tagged; :class:`EcrRepo` gives its own.

    Attributes
    ----------
    parameter_name
        The parameter's full path.
    repository
        The repository in which images are tagged; None where none are.
    seed_image
        The image that a service starts with before its first release.
    previous_parameter_name
        That of the image before: the pointer's with ``-previous`` at the end.
    drift_parameter_name
        That of what a :class:`DriftDetector` remembers, which makes it itself when it first sees
        a difference: the pointer's with ``-drift`` at the end.

    Raises
    ------
    ValueError
        If the parameter's name is not one that Parameter Store takes, or another pointer of the app
        has it in the same account and region.

    Notes
    -----
    What CloudFormation does to a parameter whose tags change:
    https://github.com/aws/aws-cdk/issues/25949
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameter_name: str,
        seed_image: str = SEED_IMAGE,
        repository: ecr.IRepository | None = None,
    ) -> None:
        if is_token(parameter_name):
            raise ValueError(
                "'parameter_name' must be a plain string, got a token; give the path itself: the "
                "stack that reads the pointer names it in a template parameter"
            )
        check_name(
            "parameter_name",
            parameter_name,
            pattern=r"(?!/(aws|ssm)(/|$))(/[A-Za-z0-9_.-]+){1,15}",
            maximum=1011 - len(_PREVIOUS),
            allowed="a path such as '/container-pipelines/my-app/image'",
        )
        _claim(f"{scope.node.path}/{construct_id}", scope, parameter_name)
        super().__init__(scope, construct_id)
        self.parameter_name = parameter_name
        self.repository = repository
        self.seed_image = seed_image
        self.previous_parameter_name = f"{parameter_name}{_PREVIOUS}"
        self.drift_parameter_name = f"{parameter_name}{_DRIFT}"
        ssm_arn = arn(self, "ssm", "parameter")
        self._arns = [f"{ssm_arn}{parameter_name}", f"{ssm_arn}{self.previous_parameter_name}"]
        self._drift_arn = f"{ssm_arn}{self.drift_parameter_name}"
        stack = stack_of(self)
        maker = _maker(stack)
        for construct_id, name, parameter_arn, description in (
            (
                "LiveImage",
                self.parameter_name,
                self._arns[0],
                "The image that is live; written by the release, read by the service.",
            ),
            (
                "PreviousImage",
                self.previous_parameter_name,
                self._arns[1],
                "The image that was live before; written by the release.",
            ),
        ):
            cr.AwsCustomResource(
                self,
                construct_id,
                # When it is made, and at changes: then it is there, and the call does nothing.
                on_update=cr.AwsSdkCall(
                    service="SSM",
                    action="putParameter",
                    parameters={
                        "Name": name,
                        "Value": seed_image,
                        "Type": "String",
                        "Description": description,
                    },
                    ignore_error_codes_matching="ParameterAlreadyExists",
                    physical_resource_id=cr.PhysicalResourceId.of(name),
                ),
                policy=cr.AwsCustomResourcePolicy.from_statements(
                    [
                        iam.PolicyStatement(
                            actions=["ssm:PutParameter"],
                            resources=[parameter_arn],
                            # Absent is what a request without the parameter may leave the key.
                            conditions={"StringNotEquals": {"ssm:Overwrite": "true"}},
                        )
                    ]
                ),
                resource_type="Custom::ImagePointer",
                # The SDK in the runtime: nothing is loaded from elsewhere.
                install_latest_aws_sdk=False,
                memory_size=256,
                role=maker.role,
                log_group=maker.log_group,
                removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            )
        acknowledge(self, ROLES)
        # One for all custom resources of the stack that call AWS.
        acknowledge(stack.node.find_child(_function_id()), _FUNCTION_FINDINGS)

    def container_image(self, consumer: Construct) -> ecs.ContainerImage:
        """Return the image for a container of a task definition.

        Parameters
        ----------
        consumer
            The construct that uses the image. Its stack gets a template parameter that
            CloudFormation resolves at each update, and is deployed after the pointer's stack.

        Returns
        -------
        ecs.ContainerImage
            The image that the pointer names when the consumer's stack is deployed.

        Raises
        ------
        ValueError
            If the consumer is in the pointer's own stack, nested ones included: CloudFormation
            resolves template parameters before it creates resources, so the first deployment could
            not succeed. Or if it is in another account or region, where there is no such parameter.
        """
        own, theirs = stack_of(self), stack_of(consumer)
        if _deployed(own).node.path == _deployed(theirs).node.path:
            raise ValueError(
                f"'image_pointer' must be in another stack than the service that reads it, got "
                f"both in '{_deployed(own).stack_name}'; create EcrRepo (or ImagePointer) in a "
                f"separate stack: CloudFormation resolves the image before it creates the pointer"
            )
        for what, here, there in (
            ("account", own.account, theirs.account),
            ("region", own.region, theirs.region),
        ):
            known = not is_token(here) and not is_token(there)
            if known and here != there:
                raise ValueError(
                    f"'image_pointer' must be in the {what} of the service that reads it, {there}, "
                    f"got {here}; create EcrRepo (or ImagePointer) there: CloudFormation reads "
                    f"parameters of its account and region only"
                )
        theirs.add_stack_dependency(own, "the image pointer must exist before it is read")
        return ecs.ContainerImage.from_registry(
            ssm.StringParameter.value_for_string_parameter(consumer, self.parameter_name)
        )

    def is_read_by(self, container: ecs.ContainerDefinition) -> bool:
        """Tell whether a container has the image that the pointer names.

        Parameters
        ----------
        container
            A container of a task definition of the app.

        Returns
        -------
        bool
            Whether it has got it by :meth:`container_image`.
        """
        read = ssm.StringParameter.value_for_string_parameter(container, self.parameter_name)
        return container.image_name == read

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to read which image is live, and which was before.

        Parameters
        ----------
        grantee
            Who may read them.

        Returns
        -------
        iam.Grant
            ``ssm:GetParameter`` on the two parameters.
        """
        return self._grant(grantee, "ssm:GetParameter")

    def grant_write(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to move the pointer.

        Parameters
        ----------
        grantee
            Who may write it.

        Returns
        -------
        iam.Grant
            ``ssm:PutParameter`` on the two parameters.
        """
        return self._grant(grantee, "ssm:PutParameter")

    def grant_detect_drift(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to read which image is live, and to remember that another one runs.

        Parameters
        ----------
        grantee
            Who compares the two.

        Returns
        -------
        iam.Grant
            ``ssm:PutParameter`` on the parameter for it; ``ssm:GetParameter`` is granted on the
            pointer as well.
        """
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["ssm:GetParameter"],
            resource_arns=[self._arns[0], self._drift_arn],
        )
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["ssm:PutParameter"], resource_arns=[self._drift_arn]
        )

    def _grant(self, grantee: iam.IGrantable, action: str) -> iam.Grant:
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[action],
            resource_arns=self._arns,
        )


def _claim(path: str, scope: Construct, name: str) -> None:
    """Let a parameter and those beside it belong to one pointer of an app, account and region."""
    stack, stage = stack_of(scope), Stage.of(scope)
    where, environment = stage.node.path if stage else "", stack.environment
    claimed = _pointers.setdefault(scope.node.root, {})
    for suffix in ("", _PREVIOUS, _DRIFT):
        other = claimed.setdefault((where, environment, f"{name}{suffix}"), path)
        if other != path:
            raise ValueError(
                f"'parameter_name' '{name}' must belong to one image pointer, got that of "
                f"'{other}'; give each service its own name: their live images differ"
            )


def _deployed(stack: Stack) -> Stack:
    """Give the stack that a nested one is deployed with."""
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return stack


class _Maker(Construct):
    """Role and log group of the function that makes the parameters, which is one for each stack."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Makes the parameters of image pointers",
        )
        self.log_group = logs.LogGroup(self, "Logs", retention=logs.RetentionDays.ONE_MONTH)
        self.log_group.grant_write(self.role)
        acknowledge(self, ROLES | LOGS)


def _maker(stack: Stack) -> _Maker:
    found = stack.node.try_find_child(_MAKER)
    return found if isinstance(found, _Maker) else _Maker(stack, _MAKER)


@functools.cache
def _function_id() -> str:
    return "AWS" + cr.AwsCustomResource.PROVIDER_FUNCTION_UUID.replace("-", "")
