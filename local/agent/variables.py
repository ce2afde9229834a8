"""The environment variables that a build starts with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.agent.build import Build
from local.agent.buildspec import Environment


class VariableError(Exception):
    """A value that cannot be looked up; the message names the variable."""


@dataclass(frozen=True, slots=True)
class Variables:
    """Variables with their values.

    Attributes
    ----------
    values
        All of them.
    secret
        The values that came from a store.
    secret_names
        Their names.
    """

    values: Mapping[str, str] = field(repr=False)
    secret: frozenset[str] = field(repr=False)
    secret_names: frozenset[str]


def resolve(build: Build, environment: Environment, log: Callable[[str], None]) -> Variables:
    """Put the variables together: the machine's, under the buildspec's, under those of the build.

    What the build has its own value for is not looked up.

    Raises
    ------
    VariableError
        A store does not have a value.
    """
    looked_up = {}
    for where, keys, look_up in (
        ("parameter store", environment.parameter_store, build.parameter),
        ("secrets manager", environment.secrets_manager, build.secret),
    ):
        wanted = {name: key for name, key in keys.items() if name not in build.environment}
        if wanted:
            log(f"Decrypting {where} environment variables")
        for name, key in wanted.items():
            try:
                looked_up[name] = look_up(key)
            except Exception as error:  # whatever the caller's store raises
                raise VariableError(f"{name}: {error}") from error
    names = {name for name, value in build.environment.items() if value and value in build.secrets}
    return Variables(
        values={
            **build.machine,
            **environment.variables,
            **looked_up,
            "CODEBUILD_SRC_DIR": str(build.source),
            **{
                f"CODEBUILD_SRC_DIR_{name}": str(path)
                for name, path in build.secondary_sources.items()
            },
            **build.environment,
        },
        secret=frozenset(looked_up.values()),
        secret_names=frozenset({*names, *looked_up}),
    )
