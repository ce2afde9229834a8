"""Imports run one way: by the table in docs/design.md, and without a cycle of modules."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = "container_pipelines"
# Module names start below these.
SOURCE_ROOTS = (ROOT / "constructs", ROOT / "lambda", ROOT / "buildspecs", ROOT)
FOLDERS = ("constructs", "lambda", "buildspecs", "stacks", "local", "acceptance", "benchmarks")


def _modules() -> dict[str, Path]:
    files = [
        ROOT / "app.py",
        *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")),
    ]
    modules = {}
    for file in files:
        base = next(root for root in SOURCE_ROOTS if file.is_relative_to(root))
        parts = file.relative_to(base).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return modules


MODULES = _modules()


def _imports(module: str) -> Iterator[str]:
    """The modules of this project that one imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found = [name.name for name in names]
            case ast.ImportFrom(module=str(package), names=names):
                inside = [f"{package}.{name.name}" for name in names]
                found = [name if name in MODULES else package for name in inside]
            case _:
                continue
        yield from (name for name in found if name in MODULES)


def _room(module: str) -> str:
    """The row of the table that a module belongs to."""
    parts = module.split(".")
    file = MODULES[module].relative_to(ROOT)
    if file.parts[0] in {"lambda", "buildspecs"}:
        return f"{file.parts[0]}/"
    if parts[0] != LIBRARY:
        return parts[0] + (".py" if len(file.parts) == 1 else "/")
    if len(parts) == 1:
        return LIBRARY
    inside = file.relative_to(f"constructs/{LIBRARY}").parts
    return f"{inside[0]}/" if len(inside) > 1 else "the library's root"


def _table() -> dict[str, set[str]]:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| room \| may import \|\n\| --- \| --- \|\n((?:\|.*\n)+)", design)
    rows = (re.split(r" *\| *", line.strip(" |")) for line in table.splitlines())
    return {
        room.strip("`"): {name.strip(" `") for name in allowed.split(",")} - {"nothing"}
        for room, allowed in rows
    }


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_run_by_the_table(module: str) -> None:
    room, table = _room(module), _table()
    assert room in table, f"docs/design.md has no row for {room}"
    reached = {_room(name) for name in _imports(module)} - {room}
    assert reached <= table[room], f"{module} is of {room}, which may not import {reached}"


def test_every_row_of_the_table_is_a_room() -> None:
    rooms = {_room(module) for module in MODULES}
    table = _table()
    assert set(table) == rooms
    assert set().union(*table.values()) <= rooms


def test_no_modules_import_each_other() -> None:
    # The package's own page names what is public, and is above everything in it.
    graph = {module: set(_imports(module)) - {module} for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()


def test_stacks_use_what_the_library_makes_public() -> None:
    private = {
        (module, name)
        for module in MODULES
        if _room(module) == "stacks/"
        for name in _imports(module)
        if name.startswith(f"{LIBRARY}.")
    }
    assert private == set()
