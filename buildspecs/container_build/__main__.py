"""Runs a phase of a build: ``python3 -I <this, packed> prepare | build | finish``."""

from container_build.program import main

main()
