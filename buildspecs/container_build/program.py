"""The phases of a build, and how a failure ends: the cause is the log's last line."""

from __future__ import annotations

import os
import sys

from container_build.failure import BuildFailedError
from container_build.settings import aws_domain, read_settings

_PHASES = ("prepare", "build", "finish")
_DEPLOY_FILES = "deploy-files"


def main() -> None:
    """Run the phase that the command line names; ends the process with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # What is found may hold letters that the build's locale lacks.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        _run(sys.argv[1] if len(sys.argv) == 2 else "")
    except BuildFailedError as failure:
        sys.stdout.flush()
        print(failure, file=sys.stderr, flush=True)
        sys.exit(failure.status)


def _run(phase: str) -> None:
    if phase == _DEPLOY_FILES:
        from container_build.deploy_files import write_deploy_files

        write_deploy_files(os.environ)
        return
    if phase not in _PHASES:
        known = ", ".join((*_PHASES, _DEPLOY_FILES))
        raise BuildFailedError(f"The phase must be one of {known}, got '{phase}'.")
    settings = read_settings(os.environ)
    # Imported where they are needed: a phase reads no more than its own modules.
    if phase == "finish":
        from container_build.finish import finish

        finish(settings, is_succeeding=os.environ.get("CODEBUILD_BUILD_SUCCEEDING") == "1")
        return
    from container_build.aws import Aws
    from container_build.environment import clean_environment
    from container_build.programs import Programs

    environment = clean_environment(os.environ, settings.source, settings.folder)
    programs = Programs(environment, settings.folder)
    aws = Aws(programs, environment, aws_domain(settings.repository.uri))
    if phase == "prepare":
        from container_build.prepare import prepare

        prepare(settings, programs, aws, environment.get("BUILDX_BUILDER", ""))
    else:
        from container_build.build import build

        build(settings, programs, aws, os.environ)
