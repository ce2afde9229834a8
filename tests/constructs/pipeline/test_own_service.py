"""A pipeline for a service that the library has not made: what is granted, and what is refused."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Annotations, Match

from container_pipelines import (
    BuildProject,
    DockerBuild,
    EcrRepo,
    EcsRollingPipeline,
    LoadBalancedService,
    Platform,
    Source,
)

Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]
EU = cdk.Environment(account="111122223333", region="eu-west-1")


@pytest.fixture
def definition(stack: cdk.Stack) -> ecs.FargateTaskDefinition:
    """A task definition as plain as it can be."""
    return ecs.FargateTaskDefinition(stack, "Definition")


@pytest.fixture
def own(stack: cdk.Stack, platform: SimpleNamespace, definition: ecs.FargateTaskDefinition) -> Any:
    """Make a service of one's own; ``controller`` and containers by name -> image."""

    def own(controller: ecs.DeploymentControllerType | None = None, **images: Any) -> Any:
        for name, image in images.items():
            definition.add_container(name, image=image)
        return ecs.FargateService(
            stack,
            "Own",
            cluster=platform.cluster,
            task_definition=definition,
            deployment_controller=controller and ecs.DeploymentController(type=controller),
        )

    return own


@pytest.fixture
def make(stack: cdk.Stack, source: Source, build: BuildProject) -> Callable[..., Any]:
    def make(name: str = "Release", **options: Any) -> EcsRollingPipeline:
        return EcsRollingPipeline(stack, name, **{"source": source, "build": build, **options})

    return make


def test_a_plain_task_definition_may_pull_what_the_pipeline_pushes(
    app: cdk.App,
    stack: cdk.Stack,
    own: Any,
    make: Callable[..., Any],
    images: EcrRepo,
    definition: ecs.FargateTaskDefinition,
    statements: Statements,
) -> None:
    make(
        service=own(web=images.image_pointer.container_image(definition)),
        image_pointer=images.image_pointer,
    )
    granted = statements(stack, "DefinitionExecutionRole")
    pull = {action for s in granted for action in [*s["Action"]] if isinstance(s["Action"], list)}
    assert "ecr:BatchGetImage" in pull
    assert [s["Resource"] for s in granted if s["Action"] == "ecr:GetAuthorizationToken"] == ["*"]
    (pass_role,) = [s for s in statements(stack, "ReleaseDeployRole") if "PassRole" in str(s)]
    assert [arn["Fn::GetAtt"][0][:18] for arn in pass_role["Resource"]] == [
        "DefinitionTaskRole",
        "DefinitionExecutio",
    ]
    app.synth()  # without a cycle


def test_an_execution_role_that_is_made_later_is_passed_as_well(
    stack: cdk.Stack,
    own: Any,
    make: Callable[..., Any],
    definition: ecs.FargateTaskDefinition,
    statements: Statements,
) -> None:
    make(service=own(web=ecs.ContainerImage.from_registry("seed")))
    definition.add_container(
        "agent",
        image=ecs.ContainerImage.from_registry("agent"),
        logging=ecs.LogDrivers.aws_logs(stream_prefix="agent"),
    )
    (pass_role,) = [s for s in statements(stack, "ReleaseDeployRole") if "PassRole" in str(s)]
    execution = definition.execution_role
    assert isinstance(execution, iam.Role)
    assert stack.resolve(execution.role_arn) in pass_role["Resource"]


def test_the_pointer_must_be_the_one_that_is_read(
    app: cdk.App, own: Any, make: Callable[..., Any], images: EcrRepo, definition: Any
) -> None:
    other = EcrRepo(cdk.Stack(app, "Others"), "Images", repository_name="other")
    service = own(web=other.image_pointer.container_image(definition))
    with pytest.raises(ValueError, match=r"'image_pointer' must be the one that .* 'web' reads"):
        make(service=service, image_pointer=images.image_pointer)


def test_the_pointer_must_be_of_the_repository_that_the_build_pushes_to(
    app: cdk.App, stack: cdk.Stack, own: Any, make: Callable[..., Any], definition: Any
) -> None:
    other = EcrRepo(cdk.Stack(app, "Others"), "Images", repository_name="other")
    service = own(web=other.image_pointer.container_image(definition))
    for repository in (
        EcrRepo(stack, "Mine", repository_name="mine").repository,
        ecr.Repository(stack, "Unnamed"),
    ):
        build = BuildProject(stack, f"Of{repository.node.id}", repository=repository)
        with pytest.raises(ValueError, match=r"must be of the repository .* got that of 'Others/"):
            make(service=service, image_pointer=other.image_pointer, build=build)


def test_the_build_may_have_imported_the_pointers_repository(
    app: cdk.App, stack: cdk.Stack, own: Any, make: Callable[..., Any], definition: Any
) -> None:
    other = EcrRepo(cdk.Stack(app, "Others"), "Images", repository_name="other")
    service = own(web=other.image_pointer.container_image(definition))
    imported = ecr.Repository.from_repository_name(stack, "Imported", "other")
    build = BuildProject(stack, "OfImported", repository=imported)
    make(service=service, image_pointer=other.image_pointer, build=build)


def test_an_image_that_the_stack_names_itself_would_come_back(
    own: Any, make: Callable[..., Any], images: EcrRepo
) -> None:
    service = own(web=ecs.ContainerImage.from_registry("example.com/web:1"))
    with pytest.raises(ValueError, match="would put another image live; give the container that"):
        make(service=service, image_pointer=images.image_pointer)


def test_a_pointer_that_is_left_out_is_warned_of(
    stack: cdk.Stack, own: Any, make: Callable[..., Any], images: EcrRepo, definition: Any
) -> None:
    make(service=own(web=images.image_pointer.container_image(definition)))
    warned = Annotations.from_stack(stack).find_warning(
        "*", Match.string_like_regexp("reads its image from Parameter Store.*no 'image_pointer'")
    )
    assert len(warned) == 1


def test_containers_with_one_image_are_refused_also_if_they_are_added_later(
    app: cdk.App, own: Any, make: Callable[..., Any], images: EcrRepo, definition: Any
) -> None:
    image = images.image_pointer.container_image(definition)
    make(service=own(web=image), image_pointer=images.image_pointer)
    definition.add_container("worker", image=image)
    with pytest.raises(RuntimeError, match=r"worker of 'Stack/Definition' have the image of 'web'"):
        app.synth()


@pytest.mark.parametrize(
    ("built", "runs", "message"),
    [
        ([Platform.ARM64], ecs.CpuArchitecture.X86_64, "for linux/amd64, .* got linux/arm64"),
        ([Platform.AMD64], ecs.CpuArchitecture.ARM64, "for linux/arm64, .* got linux/amd64"),
    ],
)
def test_an_image_for_another_processor_is_refused(
    stack: cdk.Stack,
    images: EcrRepo,
    make: Callable[..., Any],
    make_service: Callable[..., LoadBalancedService],
    built: list[Platform],
    runs: ecs.CpuArchitecture,
    message: str,
) -> None:
    build = BuildProject(
        stack, "B", repository=images.repository, docker_build=DockerBuild(platforms=built)
    )
    with pytest.raises(ValueError, match=message):
        make(build=build, service=make_service(cpu_architecture=runs).service)


def test_a_controller_that_is_not_ecs_is_refused(own: Any, make: Callable[..., Any]) -> None:
    service = own(
        controller=ecs.DeploymentControllerType.EXTERNAL,
        web=ecs.ContainerImage.from_registry("seed"),
    )
    with pytest.raises(
        ValueError, match=r"must have the deployment controller ECS .* EXTERNAL; it"
    ):
        make(service=service)


def test_a_project_is_of_one_pipeline(
    make: Callable[..., Any], make_service: Callable[..., LoadBalancedService]
) -> None:
    service = make_service().service
    make(service=service)
    with pytest.raises(ValueError, match="this pipeline alone, got that of 'Stack/Release'"):
        make("Second", service=service)


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ("arn:aws:ecs:eu-west-1:444455556666:service/c/s", "the account of its pipeline, 1111"),
        ("arn:aws:ecs:us-east-1:111122223333:service/c/s", "the region of its pipeline, eu-west-1"),
    ],
)
def test_an_imported_service_elsewhere_is_refused(
    app: cdk.App, source: Source, cluster: str, message: str
) -> None:
    stack = cdk.Stack(app, "Here", env=EU)
    repository = EcrRepo(stack, "Images", repository_name="here").repository
    service = ecs.FargateService.from_fargate_service_attributes(
        stack,
        "There",
        service_arn=cluster,
        cluster=ecs.Cluster.from_cluster_arn(
            stack, "C", cluster.replace("service/c/s", "cluster/c")
        ),
    )
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/task")
    with pytest.raises(ValueError, match=f"'service' must be in {message}"):
        EcsRollingPipeline(
            stack,
            "Release",
            source=source,
            build=BuildProject(stack, "Build", repository=repository),
            service=service,
            container_name="web",
            task_roles=[role],
        )
