"""docs/settings.md has every setting at its place, with its default, and none that is not there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.setting_paths import setting_paths

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
HEADINGS = {
    "Settings": "",
    "A service": "services.N.",
    "blue_green": "services.N.blue_green.",
    "source": "services.N.source.",
    "build": "services.N.build.",
    "scan": "services.N.build.scan.",
    "release": "services.N.release.",
    "pull_requests": "services.N.pull_requests.",
    "container": "services.N.container.",
    "health_check": "services.N.health_check.",
    "scaling": "services.N.scaling.",
    "Existing service": "services.N.existing_service.",
    "Platform": "platform.",
    "Monitoring": "monitoring.",
}
"""What the settings in a section's tables are below."""
TABLES = {
    "trigger": "triggers.N.",
    "approval": "approval.",
    "deployment_window": "deployment_window.",
    "alarms": "alarms.",
    "existing": "existing.",
    "slack": "slack.",
    "threshold": "thresholds.<name>.",
}
"""The same for a table of the settings of one of them, by what its first column says."""
SAME_AS = {"services.N.monitoring.thresholds.": "monitoring.thresholds."}
"""Settings that are documented once, for two places."""


def rows() -> Iterator[tuple[str, str, str | None]]:
    """Find each setting that has a row: its path, the row, and the cell of its default, if any."""
    section, below, default = "", "", None
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if heading := re.match(r"#+ `?([^`]+)`?$", line):
            section = heading[1]
        elif table := re.match(r"\| setting(?: (?:of|below) (?:an? )?`?(\w+)`?)? \|", line):
            below = HEADINGS[section] + (TABLES[table[1]] if table[1] else "")
            default = cells.index("default") if "default" in cells else None
        elif line.startswith("| `"):
            for name in re.findall(r"`([\w.]+)`", cells[0]):
                yield below + name, line, None if default is None else cells[default]


def shown(field: FieldInfo) -> str | None:
    """The default as the page has it in code, None if the page says it in words or not at all."""
    if field.is_required() or field.default_factory or isinstance(field.default, BaseModel):
        return None
    if isinstance(field.default, str):
        return field.default
    return None if field.default is None else json.dumps(field.default)


def test_every_setting_has_its_row_with_its_default() -> None:
    documented = {path: (row, default) for path, row, default in rows()}
    wrong = {}
    for path, field, leaf in setting_paths():
        for one, other in SAME_AS.items():
            path = path.replace(one, other)
        parent, _, name = path.rpartition(".")
        row, cell = documented.get(path, ("", None))
        value = shown(field)
        if row:
            if value is not None and not (cell or "").startswith(f"`{value}`"):
                wrong[path] = f"the default is `{value}`, got {cell}"
            if field.is_required() and cell:
                wrong[path] = f"it has no default, got {cell}"
        elif leaf:
            # A small object has one row, which names what it has, and defaults in brackets.
            row, _ = documented.get(parent.removesuffix(".N"), ("", None))
            wanted = f"`{name}`" + (f" ({value})" if value else "")
            if wanted not in row:
                wrong[path] = f"neither a row nor {wanted} in that of {parent}"
    assert wrong == {}


def test_every_row_is_a_setting() -> None:
    documented = [path for path, _, _ in rows()]
    assert len(documented) > 100
    assert set(documented) - {path for path, _, _ in setting_paths()} == set()
