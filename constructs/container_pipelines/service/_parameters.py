"""What the parameters of a load-balanced service may be."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration

from container_pipelines._checks import check_duration, check_name, check_range
from container_pipelines.registry.image_pointer import SEED_IMAGE, ImagePointer
from container_pipelines.service.service_options import Scaling, check_fargate_size

PORT_VARIABLE: Final = "PORT"
"""The environment variable that has a container's port."""

_ECS_NAME: Final = r"[A-Za-z0-9_-]+"
_ECS_NAME_ALLOWED: Final = "letters, digits, '_' and '-'"


def check_parameters(
    *,
    container_name: str,
    container_port: int,
    user: str | None,
    service_name: str | None,
    cpu: int,
    memory: int,
    variables: Sequence[str],
    scaling: Scaling | None,
    desired_count: int | None,
    priority: int,
    conditions: Sequence[str],
    port_name: str,
    ephemeral_storage_gib: int | None,
    stickiness: Duration | None,
    stickiness_cookie: str | None,
) -> None:
    """Reject what ECS, Fargate or the load balancer would, or what contradicts itself.

    Parameters
    ----------
    container_name, container_port, user, service_name, cpu, memory
        As the service has them.
    scaling, desired_count, priority
        As the service has them.
    port_name, ephemeral_storage_gib, stickiness, stickiness_cookie
        As the service has them.
    variables
        The names of all environment variables, secret ones too.
    conditions
        Paths and hosts of the listener rule.

    Raises
    ------
    ValueError
        If one of them cannot be.
    """
    for parameter, name in (("container_name", container_name), ("service_name", service_name)):
        if name is not None:
            check_name(parameter, name, pattern=_ECS_NAME, maximum=255, allowed=_ECS_NAME_ALLOWED)
    check_range(
        "container_port", container_port, minimum=1, maximum=65535, default="listen on 3000"
    )
    check_name(
        "port_name",
        port_name,
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
        pattern=r"[a-z0-9_][a-z0-9_-]*",
        maximum=64,
        allowed="lower-case letters, digits, '_' and '-', not starting with '-'",
    )
    if ephemeral_storage_gib is not None:
        check_range(
            "ephemeral_storage_gib",
            ephemeral_storage_gib,
            minimum=21,
            maximum=200,
            default="have Fargate's 20 GiB",
        )
    _check_stickiness(stickiness, stickiness_cookie)
    if user is not None:
        # A name would have to be in the seed image, too.
        check_name(
            "user",
            user,
            pattern=r"[1-9]\d*(:\d+)?",
            maximum=64,
            allowed="the number of a user that is not root, with a group if need be: '1000:1000'",
        )
    check_range("priority", priority, minimum=1, maximum=50000, default="use 100")
    check_fargate_size(cpu, memory)
    if PORT_VARIABLE in variables:
        raise ValueError(
            f"'environment' and 'secrets' must not set '{PORT_VARIABLE}', which has the "
            f"container's port; give 'container_port' instead"
        )
    doubled = sorted({name for name in variables if variables.count(name) > 1})
    if doubled:
        raise ValueError(
            f"'secrets' must not repeat names of 'environment', got {', '.join(doubled)} in both; "
            f"keep the secret"
        )
    if desired_count is not None:
        check_range(
            "desired_count", desired_count, minimum=0, maximum=5000, default="leave it to ECS"
        )
        if scaling is not None:
            raise ValueError(
                "'desired_count' must be left out when 'scaling' is given, got both: each "
                "deployment of the stack would reset what scaling has set; use scaling.min_tasks"
            )
    for condition in conditions:
        check_name(
            "path_patterns' or 'host_headers",
            condition,
            pattern=r"\S+",
            maximum=128,
            allowed="such as '/api/*' or 'example.com'",
        )
    if not 1 <= len(conditions) <= 5:
        raise ValueError(
            f"'path_patterns' and 'host_headers' must be 1 to 5 values together, got "
            f"{len(conditions)}; omit 'path_patterns' to take every path"
        )


def check_seed_image(image_pointer: ImagePointer, **needs: bool) -> None:
    """Reject what the library's seed image cannot do: the first deployment would never end.

    Parameters
    ----------
    image_pointer
        The pointer, with its seed image.
    **needs
        Whether the service has what each parameter gives.

    Raises
    ------
    ValueError
        If it has one of them, and the seed image is the library's.
    """
    given = [parameter for parameter, needed in needs.items() if needed]
    if given and image_pointer.seed_image == SEED_IMAGE:
        raise ValueError(
            f"'{given[0]}' must go with a seed image that can do it, got the library's, which "
            f"answers HTTP/1.1 and has no other program: the service could not come up; give "
            f"EcrRepo (or ImagePointer) a 'seed_image', such as an image of yours"
        )


def _check_stickiness(stickiness: Duration | None, cookie: str | None) -> None:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    if stickiness is not None:
        check_duration(
            "stickiness",
            stickiness,
            minimum=1,
            maximum=7 * 24 * 3600,
            default="send each request to any task",
        )
    if cookie is None:
        return
    if stickiness is None:
        raise ValueError(
            f"'stickiness_cookie' must be given with 'stickiness', got '{cookie}' alone; say for "
            f"how long a client stays with its task"
        )
    check_name(
        "stickiness_cookie",
        cookie,
        pattern=r"(?!AWSALB)[!#$%&'*+.^_`|~0-9A-Za-z-]+",
        maximum=512,
        allowed="the name of a cookie, which does not start with 'AWSALB'",
    )
