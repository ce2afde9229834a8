"""Requests a path of a new version, and reports to ECS or CodeDeploy whether it passes."""
