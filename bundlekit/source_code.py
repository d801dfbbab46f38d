"""The text that a class or function was written as, where there still is one.

A person reviews text, not bytecode. `inspect.getsource` finds none for classes of notebooks, and
takes the first of two classes with one name; so here a definition is found in the syntax tree of
its file by name and line. Text is only given if compiling it gives the very bytecode that is
alive: a file that was edited after it was imported has other text.
"""

from __future__ import annotations
import __future__

import ast
import functools
import hashlib
import inspect
import linecache
import sys
import types
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bundlekit.home import is_found

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEATURES = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)


def source_of(obj: object) -> str | None:
    """Give the source text of a class or function, with its decorators, dedented.

    The same definition gives the same text, whatever its line ends and however far it is
    indented. A wrapper (`functools.wraps`) gives what it wraps, and before that its own text if
    it is not what its module has under that name; a lambda gives the statement that it is part of.

    Never raises. `None` where there is no text: typed at a prompt, made by `exec`, written in
    C; and where the text at hand is not the one that was loaded. That is seen in the bytecode of
    functions and methods; an edit elsewhere in a class (its values, its decorators) is not seen
    if the file had not been read before. It is also `None` for a class without methods, if it
    cannot be told which of several with its name it is.

    Example:
        >>> from bundlekit.errors import NotBuilt
        >>> print(source_of(NotBuilt).splitlines()[0])
        class NotBuilt(BundleError, ValueError):
    """
    try:
        if isinstance(obj, type):
            return _class_text(obj)
        outer: Any = getattr(obj, "__func__", obj)
        func: Any = inspect.unwrap(outer)
        text = _function_text(getattr(func, "__func__", func))
        if func is outer or is_found(outer, outer.__module__, outer.__qualname__):
            return text
        own = _function_text(outer)  # it is nobody's definition, so what it adds is shown as well
        return own if text is None or own is None else f"{own}\n\n{text}"
    except Exception:  # objects of others answer as they like
        return None


def digest_of(obj: object) -> str | None:
    """Give the SHA-256 of `source_of(obj)` as UTF-8, in hexadecimal; `None` if there is no text.

    Example:
        >>> digest_of(len) is None
        True
    """
    text = source_of(obj)
    if text is None:
        return None
    return hashlib.sha256(text.encode()).hexdigest()


class _File:
    """The text of one file, with what it defines."""

    def __init__(self, text: str, features: int) -> None:
        self.lines = text.split("\n")
        with warnings.catch_warnings():  # an invalid escape was reported when it was loaded
            warnings.simplefilter("ignore")
            self.tree = ast.parse(text)
            flags = features | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # a cell of a notebook may
            whole = compile(text, "<source>", "exec", flags=flags, dont_inherit=True)
        self.nodes = list(_statements(self.tree, ""))
        self.codes: dict[tuple[str, int], list[types.CodeType]] = {}
        for code in _codes(whole):
            self.codes.setdefault((code.co_name, code.co_firstlineno), []).append(code)

    def made(self, code: types.CodeType) -> bool:
        """Whether this text is what the code was compiled from."""
        found = self.codes.get((code.co_name, code.co_firstlineno), [])
        # Names that nobody can write: pytest rewrote it while importing, so it cannot be compared.
        rewritten = any(name.startswith("@") for name in (*code.co_names, *code.co_varnames))
        return code in found or (rewritten and bool(found))

    def text(self, node: ast.stmt) -> str:
        """Cut out a statement. What is less indented than it, inside of text, stays as it is."""
        lines = self.lines[_first_line(node) - 1 : node.end_lineno]
        indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
        return "\n".join(line.removeprefix(indent) for line in lines).rstrip() + "\n"


def _function_text(func: Any) -> str | None:
    code: types.CodeType = func.__code__
    for file in _files(code.co_filename, func.__module__, code.co_flags):
        if not file.made(code):
            continue
        line = code.co_firstlineno
        defined = [
            node
            for _, node in file.nodes
            if isinstance(node, _FUNCTIONS)
            and (node.name, _first_line(node)) == (code.co_name, line)
        ]
        around = [node for _, node in file.nodes if _first_line(node) <= line <= _last_line(node)]
        return file.text(defined[0] if defined else around[-1])  # the innermost comes last
    return None


def _class_text(cls: type) -> str | None:
    methods = list(_methods(cls))
    flags = methods[0].co_flags if methods else 0
    for name in _file_names(cls, methods):
        for file in _files(name, cls.__module__, flags):
            nodes = [node for node in file.nodes if _may_define(file, node, cls, methods)]
            if len(nodes) > 1 and _is_current(cls):  # one after the other: the last one counts
                nodes = nodes[-1:] if all(node in file.tree.body for _, node in nodes) else nodes
            texts = {file.text(node) for _, node in nodes}
            if len(texts) == 1:
                return texts.pop()
    return None


def _may_define(
    file: _File, named: tuple[str, ast.stmt], cls: type, methods: list[types.CodeType]
) -> bool:
    name, node = named
    if not isinstance(node, ast.ClassDef) or name != cls.__qualname__:
        return False
    first = vars(cls).get("__firstlineno__", _first_line(node))  # from Python 3.13 on
    private = f"_{cls.__name__.lstrip('_')}"
    written = [inner.name for inner in node.body if isinstance(inner, _FUNCTIONS)]
    return (
        first == _first_line(node)
        and all(name in vars(cls) or private + name in vars(cls) for name in written)
        and all(
            _first_line(node) <= code.co_firstlineno <= _last_line(node) and file.made(code)
            for code in methods
        )
    )


def _file_names(cls: type, methods: list[types.CodeType]) -> list[str]:
    """Where the class may be written: with its methods, in its module, in a cell of a notebook."""
    names = list(dict.fromkeys(code.co_filename for code in methods))
    if names or not (_is_current(cls) or "<locals>" in cls.__qualname__):
        return names
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if isinstance(file, str):
        return [file]
    # Cells are kept without a time of change; the one that was run last comes first.
    cached = [*linecache.cache.items()]
    return [name for name, entry in reversed(cached) if len(entry) == 4 and not entry[1]]


def _methods(cls: type) -> Iterator[types.CodeType]:
    """The code of functions written in the body of the class."""
    for value in vars(cls).values():
        with suppress(Exception):  # any object can be there
            parts = [getattr(value, part, None) for part in ("fget", "fset", "fdel", "func")]
            for part in (value, *parts):
                code = getattr(inspect.unwrap(part), "__code__", None)
                if isinstance(code, types.CodeType) and (
                    code.co_qualname.rpartition(".")[0] == cls.__qualname__
                ):
                    yield code


def _is_current(cls: type) -> bool:
    """Whether its module has this class under its name, not one that came later."""
    found: object = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls


def _files(name: str, module: str, flags: int) -> Iterator[_File]:
    """Read the file as it was read before, and then, in case it was loaded anew, as it is."""
    home = vars(sys.modules[module]) if module in sys.modules else {}
    for refresh in (False, True):
        if refresh:
            linecache.checkcache(name)
        text = "".join(linecache.getlines(name, home))
        if text:
            yield _parsed(text.replace("\r\n", "\n"), flags & _FEATURES)


_parsed = functools.lru_cache(maxsize=8)(_File)


def _statements(parent: ast.AST, prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    """Every statement, from outside in, with the qualified name of what it defines."""
    for node in ast.iter_child_nodes(parent):
        if not isinstance(node, _BLOCKS):
            continue
        name, inner = prefix, prefix
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = prefix + node.name
            inner = f"{name}." if isinstance(node, ast.ClassDef) else f"{name}.<locals>."
        if isinstance(node, ast.stmt):
            yield name, node
        yield from _statements(node, inner)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield inner
            yield from _codes(inner)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
