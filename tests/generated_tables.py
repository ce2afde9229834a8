"""Tables in the documentation that tests make, and hold the page to."""

from pathlib import Path

import pytest


def check(page: Path, name: str, lines: list[str], request: pytest.FixtureRequest) -> None:
    """Hold a page to the table below the comment with its name; or write it, if it is asked for."""
    head = f"<!-- {name}: pytest tests/stacks --write-page -->\n\n"
    text = page.read_text()
    assert head in text
    before, _, after = text.partition(head)
    made = before + head + "\n".join(lines) + "\n\n" + after.partition("\n\n")[2]
    if request.config.getoption("--write-page", default=False):
        page.write_text(made)
    assert page.read_text() == made, f"{page.name}: write it anew: pytest tests/stacks --write-page"
