"""``pre_build``: logins, builder, what to release and under which tag."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from container_build.aws import Aws
from container_build.builder import start_builder
from container_build.image import check_paths
from container_build.layer_cache import is_in_image, needs_builder
from container_build.login import ecr_password, log_in
from container_build.programs import Programs
from container_build.release import chosen_image, commit_of
from container_build.settings import Settings
from container_build.source import check_own_names
from container_build.state import State, write_state
from container_build.steps import Steps
from container_build.tag import new_tag


def prepare(settings: Settings, programs: Programs, aws: Aws, chosen_builder: str) -> None:
    """Do all that can be done before the image is built, side by side where it can be.

    Parameters
    ----------
    settings
        The build's settings.
    programs
        Runs Docker.
    aws
        Asks AWS.
    chosen_builder
        A builder of one's own (``BUILDX_BUILDER``); without it, one is made where the engine's own
        does not do.

    Raises
    ------
    BuildFailedError
        If a login fails, there is no such image, no builder, or the source is refused.
    """
    if settings.is_new:
        check_own_names(settings.source)
        check_paths(settings)
    keeps_in_image = settings.is_new and is_in_image(settings, chosen_builder)
    steps = Steps()
    with ThreadPoolExecutor() as pool:
        password = pool.submit(ecr_password, aws, settings.repository)
        chosen = None if settings.is_new else pool.submit(chosen_image, aws, settings)
        if settings.docker_hub_token:
            with steps.step("Docker Hub"):
                log_in(
                    *(programs, "", settings.docker_hub_user, settings.docker_hub_token),
                    name="Docker Hub",
                )
        tag = pool.submit(new_tag, aws, settings) if settings.is_new else None
        wants_builder = (
            settings.is_new
            and not chosen_builder
            and (needs_builder(settings) or not keeps_in_image)
        )
        builder: Future[str] | None = None
        # One login at a time: each writes the one file that holds them all.
        if wants_builder and not settings.pull_through_cache:
            builder = pool.submit(start_builder, programs, settings.folder, "")
        with steps.step("Amazon ECR"):
            log_in(
                *(programs, settings.repository.registry, "AWS", password.result()),
                name="Amazon ECR",
            )
        if wants_builder and settings.pull_through_cache:
            builder = pool.submit(
                start_builder, programs, settings.folder, settings.pull_through_cache
            )
        if chosen is not None:
            image, is_recorded = chosen.result()
            print(f"Releasing {image} again: nothing is built")
            state = State(
                commit=commit_of(programs, image),
                tag=settings.release_image,
                existing_image=image,
                is_recorded=is_recorded,
            )
        else:
            name = ""
            if builder is not None:
                with steps.step("builder"):
                    name = builder.result()
            state = State(
                commit=settings.commit,
                tag=tag.result() if tag else "",
                builder=name,
                is_cache_in_image=keeps_in_image,
            )
    write_state(settings.folder, state, settings.repository.uri)
    steps.print()
