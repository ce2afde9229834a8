"""The page that tells what every role may do is current."""

from pathlib import Path

import pytest

from local.roles import Role
from local.roles.page import page
from local.roles.reasons import REASONS, ROLES

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
SERVICES = {
    "my-container-app": "rolling",
    "my-container-app-blue-green": "blue/green by ECS",
    "code-deploy": "blue/green by CodeDeploy",
}


def test_the_page_is_current(every_role: list[Role], request: pytest.FixtureRequest) -> None:
    made = page(every_role, SERVICES)
    if request.config.getoption("--write-page", default=False):
        PAGE.write_text(made)
    assert PAGE.read_text() == made, "write it anew: pytest tests/stacks --write-page"


def test_no_reason_is_of_a_permission_that_nobody_has(every_role: list[Role]) -> None:
    actions = {
        f"{role.name.partition('/')[2]} {action}"
        for role in every_role
        for action, _ in role.grants()
    }
    known = actions | {each.partition(" ")[2] for each in actions}
    assert set(REASONS) <= known
    assert set(ROLES) == {role.name.partition("/")[2] for role in every_role}
