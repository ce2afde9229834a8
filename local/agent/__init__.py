"""A CodeBuild agent: it executes a buildspec on this machine, with CodeBuild's semantics."""

from local.agent.build import Build, BuildResult, CollectedReport, PhaseResult
from local.agent.buildspec import BuildspecError
from local.agent.lifecycle import run

__all__ = ["Build", "BuildResult", "BuildspecError", "CollectedReport", "PhaseResult", "run"]
