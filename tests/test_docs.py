"""What the documentation says must be there, and what is there must be documented."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

import container_pipelines
from slack_notifier.advice import ADVICE
from stacks import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DEVELOPMENT = ROOT / "docs" / "development.md"


def models() -> Iterator[type[BaseModel]]:
    """Every model below the settings, in whatever module it stands."""
    waiting: list[object] = [Settings]
    known: set[object] = set()
    while waiting:
        kind = waiting.pop()
        if kind in known:
            continue
        known.add(kind)
        waiting += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            waiting += [field.annotation for field in kind.model_fields.values()]
            yield kind


@pytest.mark.parametrize("model", list(models()), ids=lambda model: model.__name__)
def test_every_setting_is_documented(model: type[BaseModel]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    names = set(re.findall(r"`([\w.]+)`", page))
    known = names | {name.rpartition(".")[2] for name in names}
    assert set(model.model_fields) <= known


def anchors(page: Path) -> set[str]:
    """The anchors of a page: its own, and those that GitHub gives to headings."""
    text = page.read_text()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_the_pages_for_developers_are_linked() -> None:
    assert "](CONTRIBUTING.md)" in (ROOT / "README.md").read_text()
    for page in ("README.md", "CONTRIBUTING.md", "docs/design.md"):
        assert "development.md)" in (ROOT / page).read_text(), page


def test_paths_in_the_page_for_developers_exist() -> None:
    paths = re.findall(r"`([\w.-]+/[\w./*-]*)`", DEVELOPMENT.read_text())
    assert len(paths) > 40
    for path in paths:
        assert path.startswith((".venv/", "node_modules/")) or any(ROOT.glob(path)), path


def test_its_worked_example_quotes_the_code() -> None:
    quoted = 0
    file = ""
    blocks = re.compile(r"^`([\w./]+)`$|^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for path, code in blocks.findall(DEVELOPMENT.read_text()):
        file = path or file
        if code:
            assert code in (ROOT / file).read_text(), f"{file}:\n{code}"
            quoted += 1
    assert quoted == 8


def test_everything_public_has_a_docstring_and_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "constructs.md").read_text()
    for name in container_pipelines.__all__:
        public = getattr(container_pipelines, name)
        if isinstance(public, type):
            assert public.__doc__, name
        assert f"`{name}`" in guide, name


def test_the_notifiers_advice_leads_to_a_row_of_the_table() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    assert {advice.anchor for advice in ADVICE} <= set(re.findall(r'<a id="([a-z-]+)">', page))
