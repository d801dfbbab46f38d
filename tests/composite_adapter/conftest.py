"""Plug-ins on disk, as the tests of the core install them."""

from __future__ import annotations

from tests.core.conftest import install

__all__ = ["install"]
