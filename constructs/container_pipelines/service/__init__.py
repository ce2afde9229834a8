"""The ECS service that a pipeline deploys to, and how its traffic moves to new tasks."""
