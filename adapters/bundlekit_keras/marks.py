"""Marks: numbers that Keras writes into a config in passing, and that lead back to live objects."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from bundlekit_keras.keras_own import is_keras_own, stands_for_keras

MARK = "\x00bundlekit"
"""The key of a mark in a node, and what stands before one in a name: no honest text holds it."""
_MARKED = re.compile(rf"{MARK}(\d+)")
_ESCAPED = r"\\+(?:u0000|x00|0)bundlekit"
_KEY = rf"\\*\"{_ESCAPED}\\*\"\s*:\s*(\d+)"
_IN_TEXT = re.compile(rf",\s*{_KEY}|{_KEY}\s*,\s*|{_ESCAPED}(\d+)")
"""A mark where a `get_config` has written a config as text: JSON, perhaps in JSON, or YAML."""


@dataclass
class Marks:
    """The objects that were met while Keras wrote a config, by their number."""

    objects: list[Any] = field(default_factory=list)
    configs: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What `get_config` of an object became, by the object's number."""
    places: dict[int, str] = field(default_factory=dict)
    """Where an object is in the config, the first time, by its number."""
    written: int = -1
    """How often the letters of a mark stand in the config, also where a user wrote them; -1 where
    nobody has counted."""
    coded: bool = False
    """Whether a mark stands for the bytecode of a lambda."""
    failed: tuple[Any, ...] = ()
    """The objects inside each other at which writing failed, the outermost first."""
    _numbers: dict[int, int] = field(default_factory=dict)
    _own: dict[type, bool] = field(default_factory=dict)
    _inside: list[Any] = field(default_factory=list)
    _alive: list[Any] = field(default_factory=list)
    """All that was met: what Keras calls shared has one address, which nothing may take over."""

    def number(self, obj: Any) -> int:
        """Give the number of an object; it is kept alive, so that its identity stays its own."""
        if id(obj) not in self._numbers:
            self._numbers[id(obj)] = len(self.objects)
            self.objects.append(obj)
        return self._numbers[id(obj)]

    def mark(self, obj: Any, node: dict[str, Any]) -> None:
        """Write the number of an object into its node, where it is not one of Keras' classes."""
        self._alive.append(obj)
        if not isinstance(obj, FunctionType):
            if not self._is_keras_own(type(obj)):
                node[MARK] = self.number(obj)
        elif not stands_for_keras(obj):
            node[MARK] = self.number(obj)
            if not is_keras_own(obj):
                # Keras would reduce the node of a function that is called like its own to a name.
                node["config"] = f"{node['config']}{MARK}{node[MARK]}"

    def enter(self, obj: Any) -> None:
        """Note that the config of an object is being written."""
        self._inside.append(obj)

    def leave(self, config: dict[str, Any] | None) -> None:
        """Note that it was written, or that it failed."""
        if config is None and not self.failed:
            self.failed = tuple(self._inside)
        obj = self._inside.pop()
        if isinstance(config, dict) and not self._is_keras_own(type(obj)):
            self.configs[self.number(obj)] = config

    def _is_keras_own(self, kind: type) -> bool:
        if kind not in self._own:
            self._own[kind] = is_keras_own(kind)
        return self._own[kind]

    def plain(self, config: Any) -> Any:
        """Give a config that Keras wrote as plain JSON, of its own, and count its marks."""
        text = json.dumps(config)
        self.written = text.count(MARK[1:])
        return json.loads(text)

    def code(self, function: Any) -> tuple[str, None, None]:
        """Give what stands for the bytecode of a lambda."""
        self.coded = True
        return f"{MARK}{self.number(function)}", None, None


def unmarked(text: str) -> str:
    """Take the marks out of a name, or of a config that was written as text."""
    return _IN_TEXT.sub("", _MARKED.sub("", text))


def numbers_in_text(text: str) -> tuple[int, ...]:
    """Give the numbers of the objects that a config written as text was made from."""
    found = (int(next(filter(None, match.groups()))) for match in _IN_TEXT.finditer(text))
    return tuple(dict.fromkeys(found))


def number_in(config: Any) -> int | None:
    """Give the number of the lambda whose node has this config."""
    code = config.get("code", config.get("value")) if isinstance(config, dict) else None
    code = code[0] if isinstance(code, list | tuple) and code else code
    match = _MARKED.fullmatch(code) if isinstance(code, str) else None
    return int(match[1]) if match else None
