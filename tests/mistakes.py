"""What settings are refused for, as the person reads it who gave them."""

import pytest

from stacks import Settings, SettingsError


def mistakes(settings: object) -> list[str]:
    """Return each line of the error but the first, which says where the settings come from."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_context(settings)
    head, *lines = str(caught.value).splitlines()
    assert head.startswith("cdk.json, context.delivery: ")
    return [line.removeprefix("  ") for line in lines]
