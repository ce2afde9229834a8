"""Whether a service, its build and its image pointer belong together; said before AWS finds out."""

import weakref
from typing import Any, Final

import jsii
from aws_cdk import Annotations, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_s3 as s3
from constructs import Construct, IValidation

from container_pipelines._checks import is_token
from container_pipelines._once import place_of, stack_of
from container_pipelines.build.build_project import BuildProject
from container_pipelines.registry.image_pointer import ImagePointer

_PROCESSORS: Final = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
# What AWS CDK calls a template parameter that is read from Parameter Store.
_FROM_PARAMETER_STORE: Final = "SsmParameterValue"

_pipelines: Final[weakref.WeakKeyDictionary[BuildProject, str]] = weakref.WeakKeyDictionary()


def check_place(service: ecs.IBaseService, scope: Construct) -> None:
    """Reject a service of another account or region than its pipeline.

    Parameters
    ----------
    service
        The service.
    scope
        Where the pipeline is made.

    Raises
    ------
    ValueError
        If the deploy action would look for it in the wrong place.
    """
    there = service.env
    check_same_place(
        "service",
        there.account,
        there.region,
        scope,
        because="the deploy action looks for it there alone",
    )


def check_same_place(
    parameter: str, account: str, region: str, scope: Construct, *, because: str
) -> None:
    """Reject what is in another account or region than a pipeline.

    Parameters
    ----------
    parameter
        The parameter that gave it.
    account, region
        Where it is.
    scope
        Where the pipeline is made.
    because
        Why it must be in the same place.

    Raises
    ------
    ValueError
        If it is elsewhere.
    """
    own = place_of(stack_of(scope))
    for what, theirs, ours in (
        ("account", account, own.account),
        ("region", region, own.region),
    ):
        known = not is_token(theirs) and not is_token(ours)
        if known and theirs != ours:
            raise ValueError(
                f"'{parameter}' must be in the {what} of its pipeline, {ours}, got {theirs}: "
                f"{because}; make the pipeline in a stack of that {what}"
            )


def check_build_place(
    scope: Construct, build: BuildProject, artifact_bucket: s3.IBucket | None
) -> None:
    """Reject a build project that the pipeline cannot start, or whose stack would need its stack.

    Parameters
    ----------
    scope
        Where the pipeline is made.
    build
        The build project.
    artifact_bucket
        The bucket for artifacts, if one is given.

    Raises
    ------
    ValueError
        If the project is in another account or region; or if it is in another stack, and the
        bucket's key in the pipeline's.
    """
    if stack_of(build) is stack_of(scope):
        return
    theirs = place_of(stack_of(build))
    check_same_place(
        "build",
        theirs.account,
        theirs.region,
        scope,
        because="the build action starts projects there alone",
    )
    key = None if artifact_bucket is None else artifact_bucket.encryption_key
    if key is not None and stack_of(key) is stack_of(scope):
        raise ValueError(
            f"'artifact_bucket' must have its key in another stack than the pipeline's, got "
            f"'{key.node.path}': 'build' is in the stack '{stack_of(build).stack_name}', encrypts "
            f"with that key, and is started by the pipeline, so each stack would depend on the "
            f"other; make the build in the pipeline's stack, or the bucket in one of its own"
        )


def check_processor(definition: ecs.TaskDefinition, build: BuildProject) -> None:
    """Reject an image that is not built for the processor of Fargate's tasks.

    Tasks on EC2 have their instances' processor, and what a custom buildspec builds is not known.

    Parameters
    ----------
    definition
        The task definition.
    build
        What makes the image.

    Raises
    ------
    ValueError
        If no task could start.
    """
    platforms = build.platforms
    resource = definition.node.default_child
    if not platforms or not definition.is_fargate_compatible:
        return
    assert isinstance(resource, ecs.CfnTaskDefinition)  # noqa: S101 - for the type checker
    runtime = Stack.of(definition).resolve(resource.runtime_platform) or {}
    processor = _attribute(runtime, "cpuArchitecture") or "X86_64"
    wanted = _PROCESSORS.get(processor)
    if wanted is not None and wanted not in platforms:
        raise ValueError(
            f"'build' must make an image for {wanted}, the processor of the service's tasks, got "
            f"{', '.join(platforms)}; add it to DockerBuild.platforms, or change the service's "
            f"processor"
        )


def check_pointer(container: ecs.ContainerDefinition, pointer: ImagePointer | None) -> None:
    """Reject a pointer that the released container does not read, and warn of one left out.

    Parameters
    ----------
    container
        The container that gets the image.
    pointer
        What the pipeline writes.

    Raises
    ------
    ValueError
        If the container reads another image: the next ``cdk deploy`` would put that live.
    """
    if pointer is not None:
        if not pointer.is_read_by(container):
            raise ValueError(
                f"'image_pointer' must be the one that the container '{container.container_name}' "
                f"reads, got '{pointer.parameter_name}': the next deployment of the stack would "
                f"put another image live; give the container that pointer's container_image()"
            )
        return
    image = Stack.of(container).resolve(container.image_name)
    if isinstance(image, dict) and str(image.get("Ref")).startswith(_FROM_PARAMETER_STORE):
        Annotations.of(container).add_warning_v2(
            "container-pipelines:NoImagePointer",
            f"The container '{container.container_name}' reads its image from Parameter Store, and "
            f"its pipeline has no 'image_pointer': nothing writes the image that is live, so the "
            f"next deployment of the stack resets it. Give the pipeline the pointer.",
        )


def check_repository(build: BuildProject, pointer: ImagePointer | None) -> None:
    """Reject a pointer whose repository is not the one that the build pushes to.

    Parameters
    ----------
    build
        What makes the image.
    pointer
        What the pipeline writes.

    Raises
    ------
    ValueError
        If a release would have to tag its image where it is not.
    """
    mine = None if pointer is None else pointer.repository
    theirs = build.repository
    if mine is None or mine is theirs:
        return
    own, other = mine.repository_name, theirs.repository_name
    if is_token(own) or is_token(other):
        # Two of the app are two; an imported one may be any.
        differ = isinstance(mine, ecr.Repository) and isinstance(theirs, ecr.Repository)
    else:
        differ = own != other
    if differ:
        raise ValueError(
            f"'image_pointer' must be of the repository that 'build' pushes to, "
            f"'{theirs.node.path}', got that of '{mine.node.path}': a release tags the live image "
            f"there, so that it never expires; give the build that repository, or the pipeline "
            f"the other's pointer"
        )


def refuse_other_readers(
    scope: Construct, definition: ecs.TaskDefinition, container_name: str
) -> None:
    """Have the synthesis fail if further containers have the image that one of them is released.

    Parameters
    ----------
    scope
        The pipeline.
    definition
        The task definition.
    container_name
        The container that gets the image.
    """
    scope.node.add_validation(_OneReader(definition, container_name))


def check_own_buildspec(build: BuildProject, pointer: ImagePointer | None) -> None:
    """Reject a buildspec that does not hand on what a release records, and warn of a deaf one.

    Only of one that stands in the template something is known.

    Parameters
    ----------
    build
        What makes the image.
    pointer
        What the pipeline writes.

    Raises
    ------
    ValueError
        If it does not export the image: the pipeline would refuse to record it.
    """
    if pointer is None or (text := build.known_buildspec()) is None:
        return
    if "exported-variables" not in text or "IMAGE_URI" not in text:
        raise ValueError(
            "'build_spec' must export IMAGE_URI, the image by its digest, for a pipeline that "
            "records its releases, got one that does not; add it to 'env: exported-variables' and "
            "set it when the image is pushed"
        )
    if "RELEASE_IMAGE" not in text:
        Annotations.of(build).add_warning_v2(
            "container-pipelines:ReleaseImage",
            "The buildspec never names RELEASE_IMAGE: whatever an execution is to release, a "
            "rollback (IMAGE=previous) or the recorded image after a drift, it would build anew. "
            "Build for 'new' alone, or acknowledge this if a script of yours sees to it.",
        )


def claim(build: BuildProject, pipeline: str) -> None:
    """Let a build project belong to one pipeline.

    Parameters
    ----------
    build
        The project.
    pipeline
        The pipeline's path.

    Raises
    ------
    ValueError
        If it belongs to another one already, whose images it would push and whose artifacts read.
    """
    other = _pipelines.setdefault(build, pipeline)
    if other != pipeline:
        raise ValueError(
            f"'build' must be a project of this pipeline alone, got that of '{other}'; make a "
            f"BuildProject for each"
        )


@jsii.implements(IValidation)
class _OneReader:
    def __init__(self, definition: ecs.TaskDefinition, container_name: str) -> None:
        self._definition = definition
        self._name = container_name

    def validate(self) -> list[str]:
        resource = self._definition.node.default_child
        assert isinstance(resource, ecs.CfnTaskDefinition)  # noqa: S101 - for the type checker
        stack = Stack.of(self._definition)
        containers = stack.resolve(resource.container_definitions) or []
        images = {_attribute(each, "name"): _attribute(each, "image") for each in containers}
        released = images.get(self._name)
        others = [
            str(name) for name, image in images.items() if image == released and name != self._name
        ]
        if released is None or not others:
            return []
        message = (
            f"The containers {', '.join(others)} of '{self._definition.node.path}' have the image "
            f"of '{self._name}', and a release only changes that one: they would stay behind; "
            f"give them another image"
        )
        return [message]


def _attribute(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
