"""Asks a path of a new version, and tells ECS or CodeDeploy whether it answers as expected."""
