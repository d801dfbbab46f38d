"""`bundlekit demo`: the whole story on real data, in about a minute."""

from __future__ import annotations

import os
import sys

import click


@click.command("demo")
@click.option("--keep", metavar="FILE", type=click.Path(), help="Keep the bundle at FILE.")
def command(keep: str | None) -> None:
    """Train a small network on handwritten digits, bundle it, and prove that it survives.

    Needs Keras with a backend and scikit-learn: pip install 'bundlekit[all]'.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from bundlekit.errors import FrameworkMissing

    try:
        from bundlekit_keras import demo

        sound = demo.run(keep)
    except ModuleNotFoundError as error:
        raise FrameworkMissing(
            f"the demo needs {error.name}; pip install 'bundlekit[all]'", framework=error.name
        ) from error
    sys.exit(0 if sound else 1)
