"""No assertion holds because there was nothing to look at."""

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))


def vacuous(source: str) -> list[int]:
    """The lines that assert something of each item, which holds when there is none."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Assert(test=ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp()]))
                | ast.Assert(
                    test=ast.UnaryOp(
                        op=ast.Not(),
                        operand=ast.Call(func=ast.Name(id="any"), args=[ast.GeneratorExp()]),
                    )
                )
            ):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("assert all(x for x in y)", [1]),
        ("\nassert not any(x for x in y)", [2]),
        ("assert {x > 1 for x in y} == {True}", []),
        ("assert any(x for x in y)", []),
    ],
)
def test_what_is_found(source: str, lines: list[int]) -> None:
    assert vacuous(source) == lines


def test_nothing_is_asserted_of_what_may_be_empty() -> None:
    found = {
        f"{file.relative_to(FOLDER)}:{line}" for file in FILES for line in vacuous(file.read_text())
    }
    assert found == set(), "write `assert {... for ... in ...} == {True}`, which fails without any"
