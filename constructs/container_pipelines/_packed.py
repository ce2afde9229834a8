"""The sources of a function as they are packed: without what only people read."""

import ast
import io
import math
import re
import tokenize


def packed(source: str) -> str:
    """Leave docstrings, comments and the annotations of functions out, and indent by one space.

    Every statement stays on its line, so tracebacks lead into the source as it was written.
    Annotations of variables stay, since dataclasses and named tuples are made of them.

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
    for row, start, end in _annotations(module, lines):
        # What Python's parser counts in are bytes.
        content = lines[row - 1].encode()
        lines[row - 1] = (content[:start] + content[end:]).decode()
    # A row that begins within a token is part of a string, blanks and all.
    in_strings = {row for token in tokens for row in range(token.start[0] + 1, token.end[0] + 1)}
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


def _annotations(module: ast.Module, lines: list[str]) -> list[tuple[int, int, int]]:
    """Find row, start and end of what can go, the last of a line first."""
    found = []
    for node in ast.walk(module):
        match node:
            case ast.arg(annotation=ast.expr() as kind):
                sign = rb":\s*"
            case (
                ast.FunctionDef(returns=ast.expr() as kind)
                | ast.AsyncFunctionDef(returns=ast.expr() as kind)
            ):
                sign = rb"\s*->\s*"
            case _:
                continue
        before = lines[kind.lineno - 1].encode()[: kind.col_offset]
        # One in brackets or on several lines stays: without it the rest would have to move.
        mark = re.search(sign + rb"\Z", before)
        if mark and kind.lineno == kind.end_lineno:
            found.append((kind.lineno, mark.start(), kind.end_col_offset or 0))
    return sorted(found, reverse=True)


def _indented(line: str, unit: int) -> str:
    stripped = line.lstrip(" ")
    return " " * ((len(line) - len(stripped)) // unit) + stripped
