"""The CodeBuild project: Docker build, secrets, registry logins, scan gate, reports, buildspec."""
