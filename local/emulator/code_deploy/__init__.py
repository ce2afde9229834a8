"""CodeDeploy for ECS: applications, groups, and deployments that move traffic to new task sets.

It is a client of the emulator's ECS, load balancers, Lambda and CloudWatch, as the real one is of
AWS's. The group's service role is not taken: nothing here checks what it allows.
"""
