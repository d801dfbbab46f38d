"""How the kit says that something did not survive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundlekit.errors import BundleError

if TYPE_CHECKING:
    from bundlekit.testing.comparison import Difference


class RoundTripFailed(BundleError, AssertionError):
    """What came back is not what was bundled; the message says where they first differ.

    Attributes:
        differences: everything that differs, first place first.
    """

    differences: tuple[Difference, ...]


class FreshProcessFailed(BundleError, RuntimeError):
    """A fresh interpreter did not do its work; the message has what it printed last."""
