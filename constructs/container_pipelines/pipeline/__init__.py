"""The pipelines: source, triggers, gates and conditions, deploy actions, release recorder."""
