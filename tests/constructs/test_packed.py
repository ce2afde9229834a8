"""What is packed of functions does what their sources do, and is small."""

import ast
import io
import zipfile
from pathlib import Path

import pytest

from container_pipelines._assets import _packed_folder
from container_pipelines._packed import packed

LAMBDA = Path(__file__).parents[2] / "lambda"
MODULES = sorted(LAMBDA.glob("*/*.py"))
PACKAGES = sorted({module.parent.name for module in MODULES})


class WithoutDocstrings(ast.NodeTransformer):
    """Leaves docstrings out of a tree; one that stands alone becomes empty."""

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and body:
            match body[0]:
                case ast.Expr(value=ast.Constant(value=str())) as docstring:
                    if len(body) > 1:
                        del body[0]
                    else:
                        docstring.value = ast.Constant("")
        return node


def without_docstrings(source: str) -> str:
    return ast.dump(WithoutDocstrings().visit(ast.parse(source)))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(LAMBDA)))
def test_a_packed_module_is_the_same_program_on_the_same_lines(module: Path) -> None:
    source = module.read_text()
    made = packed(source)
    assert without_docstrings(made) == without_docstrings(source)
    assert len(made.splitlines()) == len(source.splitlines())
    lines = [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Return)]
    assert lines == [
        node.lineno for node in ast.walk(ast.parse(made)) if isinstance(node, ast.Return)
    ]


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ('"""Words."""\nx = 1  # why\n', "\nx = 1\n"),
        ('def f():\n    """Words\n\n    more."""\n    return "# no comment"\n', None),
        ('class E(Exception):\n    """Words."""\n', 'class E(Exception):\n    ""\n'),
        ('x = """no docstring\n# nor a comment"""\n', 'x = """no docstring\n# nor a comment"""\n'),
        ("def f():\n    # why\n    pass\n", "def f():\n\n    pass\n"),
        ("", ""),
    ],
)
def test_words_go_and_everything_else_stays(source: str, made: str | None) -> None:
    expected = 'def f():\n\n\n\n    return "# no comment"\n' if made is None else made
    assert packed(source) == expected


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
    assert len(content.getvalue()) < 30 * 1024
