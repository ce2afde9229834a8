"""CodePipeline: pipelines that really run, with artifacts, variables, approvals and retries."""
