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
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


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
