"""Work in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


def fresh(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a function of a module in a process that does nothing else; give what it gives."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_silent) as pool:
        return pool.submit(work, *args, **kwargs).result()


def _silent() -> None:
    # TensorFlow logs before it reads how much to log. Exceptions come back another way.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
