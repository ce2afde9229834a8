"""The sources of a function as they are packed: without what only people read."""

import ast
import io
import tokenize


def packed(source: str) -> str:
    """Leave docstrings and comments out of a module.

    Every statement stays on its line, so tracebacks lead into the source as it was written.

    Parameters
    ----------
    source
        The module.

    Returns
    -------
    str
        The module without them.
    """
    lines = source.splitlines(keepends=True)
    for comment in _comments(source):
        row, column = comment.start
        lines[row - 1] = lines[row - 1][:column].rstrip() + "\n"
    for docstring, stands_alone in _docstrings(ast.parse(source)):
        first, last = docstring.lineno - 1, (docstring.end_lineno or docstring.lineno) - 1
        indentation = lines[first][: docstring.col_offset]
        lines[first] = f'{indentation}""\n' if stands_alone else "\n"
        lines[first + 1 : last + 1] = ["\n"] * (last - first)
    return "".join(lines)


def _comments(source: str) -> list[tokenize.TokenInfo]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token for token in tokens if token.type == tokenize.COMMENT]


def _docstrings(module: ast.Module) -> list[tuple[ast.Expr, bool]]:
    found = []
    for node in ast.walk(module):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())) as docstring, *rest]:
                    found.append((docstring, not rest))
    return found
