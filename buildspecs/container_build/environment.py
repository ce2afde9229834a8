"""The variables that Docker and the AWS CLI see: named one by one, none of them from the source.

What is not named here does not reach them. Left out on purpose:

``PYTHON*``
    would let Python programs, such as the AWS CLI of some images, import from elsewhere.
``BASH_ENV``, ``ENV``, functions of bash
    would be executed by each shell script.
``LD_*``
    would load libraries into each program.
``GIT_*``
    would name configuration whose hooks and monitors are commands.
``BUILDX_*``, ``BUILDKIT_*``, ``COMPOSE_*``
    would change what is built; only the builder and its folder may be chosen.
``BUILD_SECRET_<number>``, ``DOCKERHUB_TOKEN``
    go to the one call that needs them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from container_build.source import is_in_source

_KEPT = {
    *("LANG", "LC_ALL", "TZ"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION"),
    "BUILDX_BUILDER",
}
# Each names a file or folder: it must be absolute, and outside of the source.
_PATHS = {
    *("HOME", "TMPDIR", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "BUILDX_CONFIG"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "AWS_DATA_PATH"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
}
_PREFIXES = ("AWS_", "CODEBUILD_")
_SET = {
    "AWS_PAGER": "",
    "AWS_CLI_AUTO_PROMPT": "off",
    # buildx would run git in the source, whose configuration names commands (core.fsmonitor), for
    # what --provenance=false leaves out anyway.
    # https://docs.docker.com/build/building/variables/#buildx_git_info
    "BUILDX_GIT_INFO": "false",
    "BUILDX_GIT_LABELS": "false",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
}


def clean_environment(environ: Mapping[str, str], source: Path, folder: Path) -> dict[str, str]:
    """Give the variables for the programs that the build itself runs.

    Parameters
    ----------
    environ
        The build's variables. ``BUILD_PATH`` is the ``PATH`` from before any command of one's own.
    source
        The source's root, without symbolic links.
    folder
        The build's folder.

    Returns
    -------
    dict[str, str]
        The variables.
    """

    def is_outside(path: str) -> bool:
        return Path(path).is_absolute() and not is_in_source(source, path)

    kept = {
        name: value
        for name, value in environ.items()
        if (name in _PATHS and is_outside(value))
        or name in _KEPT
        or (name.startswith(_PREFIXES) and name not in _PATHS)
    }
    searched = (environ.get("BUILD_PATH") or environ.get("PATH") or os.defpath).split(os.pathsep)
    kept["PATH"] = os.pathsep.join(entry for entry in searched if is_outside(entry))
    # Where programs look for settings of their own: never where there are none of ours.
    kept.setdefault("HOME", str(folder))
    return {**kept, **_SET}
