"""The sources of a function as they are packed: without what only people read."""

import ast
import io
import math
import tokenize


def packed(source: str) -> str:
    """Leave docstrings and comments out of a module, and indent by one space.

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
    module = ast.parse(source)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    lines = source.split("\n")
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for docstring, stands_alone in _docstrings(module):
        first, last = docstring.lineno - 1, docstring.end_lineno or docstring.lineno
        before = lines[first][: docstring.col_offset]
        lines[first:last] = [f'{before}""' if stands_alone else ""] + [""] * (last - first - 1)
    in_strings = _rows_that_begin_in_a_string(module)
    unit = math.gcd(*(len(token.string) for token in tokens if token.type == tokenize.INDENT)) or 1
    return "\n".join(
        line if row in in_strings else _indented(line, unit)
        for row, line in enumerate(lines, start=1)
    )


def _docstrings(module: ast.Module) -> list[tuple[ast.Expr, bool]]:
    found = []
    for node in ast.walk(module):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())) as docstring, *rest]:
                    found.append((docstring, not rest))
    return found


def _rows_that_begin_in_a_string(module: ast.Module) -> set[int]:
    # Whatever begins a line there may be part of the string.
    return {
        row
        for node in ast.walk(module)
        if isinstance(node, ast.JoinedStr | ast.Constant)
        for row in range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)
    }


def _indented(line: str, unit: int) -> str:
    stripped = line.lstrip(" ")
    return " " * ((len(line) - len(stripped)) // unit) + stripped
