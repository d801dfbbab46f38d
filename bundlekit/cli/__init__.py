"""The command line: one file per subcommand.

Exit codes: 0, all is well; 1, the check failed or the file is not sound; 2, wrong usage.
An error is one line on standard error, never a traceback.

Commands are imported when they are called, so that `bundlekit inspect` costs what inspecting
costs.
"""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click

COMMANDS = ("adapters", "convert", "demo", "doctor", "inspect", "verify")


class _Commands(click.Group):
    """Finds a subcommand in the module that is named for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"bundlekit.cli.{cmd_name}").command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bundlekit")
def _root() -> None:
    """Look at, check and try out bundles: models as one verifiable file."""


def main() -> NoReturn:
    """Run the command line and exit."""
    from bundlekit.errors import BundleError

    try:
        _root(prog_name="bundlekit", standalone_mode=True)
    except BundleError as error:
        click.echo(f"bundlekit: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
    sys.exit(0)
