"""IAM decides: what a role may do here, it may do on AWS, as far as its policies tell.

Every call that a role makes is judged before it is answered, with the role's policies, its trust
policy and the resource's policy as they are at that moment. Neither the evaluation nor the
catalogue of actions, resource types and condition keys is ours:
https://github.com/cloud-copilot/iam-simulate.
"""

from local.emulator.permissions.judge import DeniedError, Permissions, permissions

__all__ = ["DeniedError", "Permissions", "permissions"]
