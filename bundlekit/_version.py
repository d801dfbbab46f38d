"""The one place where the release number stands."""

__version__ = "0.1.0"
