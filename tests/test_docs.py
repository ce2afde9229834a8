"""What the documentation says must be there, and what is there must be documented."""

import re
from pathlib import Path

import pytest

import container_pipelines
from slack_notifier.advice import ADVICE

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DEVELOPMENT = ROOT / "docs" / "development.md"


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
