"""Sends a Slack channel what happens to a release, and what to do about it."""
