"""The roles of an app, as its synthesized templates make them."""

from local.roles.templates import Role, roles_of

__all__ = ["Role", "roles_of"]
