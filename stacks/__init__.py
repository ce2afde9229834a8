"""The stacks of the app: they wire the library's constructs together, by the settings."""

from stacks.delivery import add_delivery_stacks
from stacks.settings import Settings, SettingsError

__all__ = ["Settings", "SettingsError", "add_delivery_stacks"]
