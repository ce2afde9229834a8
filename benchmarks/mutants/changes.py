"""Every small change that a file has room for. Pure: text in, changes out."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_FLIPPED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A piece of a file, and what is put in its place.

    Parameters
    ----------
    start, end
        Where the piece is, in bytes of UTF-8.
    line
        Its first line.
    new
        The new text.
    kind
        What is changed, such as ``keyword`` for an argument that is left out.
    policy
        Whether it is part of an IAM statement.
    """

    start: int
    end: int
    line: int
    new: str
    kind: str
    policy: bool

    def applied(self, source: str) -> str:
        """Return the changed file."""
        content = source.encode()
        return (content[: self.start] + self.new.encode() + content[self.end :]).decode()

    def shown(self, source: str) -> str:
        """Describe the change on one line."""
        old = " ".join(source.encode()[self.start : self.end].decode().split())
        return f"{self.kind}: {_shortened(old)}  ->  {_shortened(' '.join(self.new.split()))}"


def changes(source: str) -> list[Change]:
    """List the changes.

    Annotations, decorators and imports stay: what they mean at run time is nothing, or is found by
    mypy. So do texts with a space in them, which are for people.

    Parameters
    ----------
    source
        A Python file.

    Returns
    -------
    list[Change]
        The changes, in the order of the file.
    """
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = [
        Change(
            start=starts[node.lineno - 1] + node.col_offset,
            end=starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0),
            line=node.lineno,
            new=new,
            kind=kind,
            policy=policy,
        )
        for node, policy in _walk(ast.parse(source), policy=False)
        for kind, new in _of(node)
    ]
    return sorted(found, key=lambda change: (change.start, change.end, change.new))


def _walk(node: ast.AST, *, policy: bool) -> Iterator[tuple[ast.expr | ast.stmt, bool]]:
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("PolicyStatement"):
        policy = True
    if isinstance(node, ast.expr | ast.stmt):
        yield node, policy
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            # A text with values in it has no places for its parts; an import has none to change.
            if isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.AST):
                yield from _walk(child, policy=policy)


def _of(node: ast.expr | ast.stmt) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare():
            for number, operator in enumerate(node.ops):
                compared = copy.deepcopy(node)
                compared.ops[number] = _FLIPPED[type(operator)]()
                yield "comparison", f"({ast.unparse(compared)})"
        case ast.BoolOp():
            joined = copy.deepcopy(node)
            joined.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield "boolean", f"({ast.unparse(joined)})"
        case ast.UnaryOp(op=ast.Not()):
            yield "boolean", f"({ast.unparse(node.operand)})"
        case ast.IfExp():
            yield "condition", f"({ast.unparse(node.body)})"
            yield "condition", f"({ast.unparse(node.orelse)})"
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            summed = copy.deepcopy(node)
            summed.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            yield "arithmetic", f"({ast.unparse(summed)})"
        case ast.Constant(value=bool() as value):
            yield "constant", repr(not value)
        case ast.Constant(value=int() | float() as value):
            yield "constant", repr(value + 1)
        case ast.Constant(value=str() as value) if " " not in value:
            yield "constant", repr(f"{value}x")
        case ast.Call():
            for number in range(len(node.keywords)):
                call = copy.deepcopy(node)
                del call.keywords[number]
                yield "keyword", ast.unparse(call)
        case ast.List(elts=[_, *_]) | ast.Set(elts=[_, _, *_]) | ast.Tuple(elts=[_, _, *_]):
            if isinstance(node.ctx if not isinstance(node, ast.Set) else None, ast.Store):
                return
            for number in range(len(node.elts)):
                collection = copy.deepcopy(node)
                del collection.elts[number]
                yield "element", ast.unparse(collection)
        case ast.Dict(keys=[_, *_]):
            for number in range(len(node.keys)):
                mapping = copy.deepcopy(node)
                del mapping.keys[number]
                del mapping.values[number]
                yield "element", ast.unparse(mapping)
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign():
            yield "statement", "pass"


def _shortened(text: str) -> str:
    return text if len(text) <= 90 else text[:44] + " ... " + text[-41:]
