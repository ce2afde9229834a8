"""What is packed of functions does what their sources do, and is small."""

import ast
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import aws_cdk as cdk
import pytest

from container_pipelines import _assets
from container_pipelines._assets import _packed_folder, build_program
from container_pipelines._packed import packed

LAMBDA = Path(__file__).parents[2] / "lambda"
BUILDSPECS = Path(__file__).parents[2] / "buildspecs"
MODULES = sorted(LAMBDA.glob("*/*.py"))
PACKAGES = sorted({module.parent.name for module in MODULES})


class WithoutWords(ast.NodeTransformer):
    """Leaves docstrings out of a tree, one that stands alone empty, and functions' annotations."""

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.arg():
                node.annotation = None
            case ast.FunctionDef():
                node.returns = None
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and body:
            match body[0]:
                case ast.Expr(value=ast.Constant(value=str()) as docstring):
                    if len(body) > 1:
                        del body[0]
                    else:
                        docstring.value = ""
                        docstring.end_lineno = docstring.lineno
        return node


def program(source: str) -> list[Any]:
    """What is executed, docstrings and annotations left out, and the lines that tracebacks name."""

    def parts(code: CodeType) -> Iterator[Any]:
        yield code.co_qualname, code.co_firstlineno, code.co_code, code.co_names, code.co_varnames
        yield [line for _, _, line in code.co_lines()]
        for constant in code.co_consts:
            yield list(parts(constant)) if isinstance(constant, CodeType) else constant

    tree = WithoutWords().visit(ast.parse(source))
    return list(parts(compile(tree, "module", "exec")))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(LAMBDA)))
def test_a_packed_module_is_the_same_program_on_the_same_lines(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    assert program(packed(source)) == program(source)


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ('"""Words."""\nx = 1  # why\n', "\nx = 1\n"),
        (
            'def f():\n    """Words\n\n    more."""\n    return "# no comment"\n',
            'def f():\n\n\n\n return "# no comment"\n',
        ),
        ('class E(Exception):\n    """Words."""\n', 'class E(Exception):\n ""\n'),
        ('def f(): "Words."\n', 'def f(): ""\n'),
        ("def f():\n    # why\n    pass\n", "def f():\n\n pass\n"),
        ("if x:\n  if y:\n    z()\n", "if x:\n if y:\n  z()\n"),
        ("f(\n    1,\n        2,\n)\n", "f(\n    1,\n        2,\n)\n"),
        (
            "def f(a: int, *b: str, c: X[int] = 1, **d: Any) -> None: pass\n",
            "def f(a, *b, c = 1, **d): pass\n",
        ),
        (
            "def f(\n    a: str = 'ä: x -> y', b: int = 2\n) -> int:\n    c: int = a\n",
            "def f(\n    a = 'ä: x -> y', b = 2\n):\n    c: int = a\n".replace("    ", " "),
        ),
        ("def f() -> X[\n    int\n]: pass\n", "def f() -> X[\n    int\n]: pass\n"),
        ("def f(a: (int)) -> (int): pass\n", "def f(a: (int)) -> (int): pass\n"),
        ("if x:\n    y(\n        'a'\n        'b'\n    )\n", "if x:\n y(\n  'a'\n  'b'\n )\n"),
        ("class A:\n    b: int\n", "class A:\n b: int\n"),
        ("", ""),
    ],
)
def test_words_go_and_everything_else_stays(source: str, made: str) -> None:
    assert packed(source) == made


@pytest.mark.parametrize("prefix", ["", "f", "rb"])
def test_strings_of_several_lines_are_kept_as_they_are(prefix: str) -> None:
    source = f'def f(x):\n    return {prefix}"""no docstring\n    # nor a comment\n  end"""\n'
    made = packed(source)
    assert made == source.replace("    return", " return")
    assert program(made) == program(source)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_hash_is_that_of_the_sources_alone(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a wheel installs them elsewhere: other times, other rights, byte code beside them.
    installed = shutil.copytree(LAMBDA, tmp_path / "lambda", copy_function=shutil.copyfile)
    (installed / package / "__pycache__").mkdir(exist_ok=True)
    (installed / package / "__pycache__" / "handler.cpython-311.pyc").write_bytes(b"x")
    for path in installed.rglob("*.py"):
        os.utime(path, (1, 1))
    monkeypatch.setattr(_assets, "shipped", lambda _: installed)
    before = os.umask(0o077)
    try:
        other = _packed_folder.__wrapped__(package)
    finally:
        os.umask(before)
    here = _packed_folder(package)
    with other:
        assert cdk.FileSystem.fingerprint(other.name) == cdk.FileSystem.fingerprint(here.name)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_its_modules_and_no_more(package: str) -> None:
    folder = Path(_packed_folder(package).name)
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == sorted(f"{package}/{path.name}" for path in (LAMBDA / package).glob("*.py"))


def test_the_notifier_is_small() -> None:
    folder, content = Path(_packed_folder("slack_notifier").name), io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*.py"):
            archive.write(path, path.relative_to(folder))
    assert len(content.getvalue()) < 31_000  # a bound of our own: what a cold start unpacks


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_packed_runs(package: str) -> None:
    """In a process of its own, where nothing but the package can be imported."""
    folder = _packed_folder(package).name
    modules = [f"{package}.{module.stem}" for module in (LAMBDA / package).glob("*.py")]
    program = f"import sys; sys.path.insert(0, {folder!r})\n" + "\n".join(
        f"import {module}; assert {module}.__file__.startswith({folder!r})" for module in modules
    )
    subprocess.run([sys.executable, "-B", "-c", program], check=True, cwd="/")


def test_the_program_of_builds_is_the_same_bytes_from_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = shutil.copytree(BUILDSPECS, tmp_path / "buildspecs", copy_function=shutil.copyfile)
    for path in installed.rglob("*.py"):
        os.utime(path, (1, 1))
    (installed / "container_build" / "__pycache__").mkdir(exist_ok=True)
    (installed / "container_build" / "__pycache__" / "tag.cpython-311.pyc").write_bytes(b"x")
    here = build_program()
    content = here.path.read_bytes()
    monkeypatch.setattr(_assets, "shipped", lambda _: installed)
    other = build_program.__wrapped__()
    assert (other.sha256, other.path.read_bytes()) == (here.sha256, content)


def test_the_program_of_builds_has_its_modules_without_words() -> None:
    package = BUILDSPECS / "container_build"
    with zipfile.ZipFile(build_program().path) as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
        # What compression makes depends on the library that does it.
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    modules = {
        f"container_build/{path.relative_to(package).as_posix()}": path.read_text(encoding="utf-8")
        for path in package.rglob("*.py")
    }
    assert set(found) == {"__main__.py", *modules}
    for name, source in modules.items():
        assert program(found[name]) == program(source), name
    assert list(found) == sorted(found)
    assert len("".join(found.values())) < 100_000
