"""The command `bycatch`: finds its verbs, and turns errors into one sentence."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from bycatch import __version__
from bycatch.errors import BycatchError, ConfigError
from bycatch.registry import Registry

_VERBS = {
    "search": "Search for a resonance of unknown mass and decay.",
    "hunt": "Hunt for a bump in one spectrum, without learning.",
    "validate": "Measure how well a search is calibrated.",
    "simulate": "Simulate events with Pythia 8 and a parametrised detector.",
    "compare": "Compare anomaly scores over many signals.",
    "score": "Score events without labels, and say what the score finds.",
    "trigger": "Turn an anomaly score into a trigger: thresholds, rates, tables.",
    "export": "Write a trained score as one ONNX graph.",
    "demo": "Run a whole search on the embedded sample.",
    "cite": "Print BibTeX of the methods that a run used.",
}
"""Verbs and what they do; each is loaded from its file when it is called, not before."""

VERBS: Registry[click.Command] = Registry(
    "verb", {name: f"bycatch.cli.{name}:{name}" for name in _VERBS}, "bycatch.verbs"
)
"""Commands by name, with those of other packages."""


def _command(name: str) -> click.Command:
    """Return a verb; what another package calls one may be anything."""
    command = VERBS[name]
    if not isinstance(command, click.Command):
        raise BycatchError(f"The verb {name!r} is {command!r}, no click command; mend its package.")
    return command


def _told(name: str) -> str:
    """Return what another package's verb says of itself; a broken one must not end the help."""
    try:
        return _command(name).get_short_help_str(80)
    except BycatchError as error:
        return str(error)


class _Verbs(click.Group):
    """A group that loads a verb's file on first use, and reports errors that users can act on."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Load a verb."""
        try:
            return _command(cmd_name)
        except ConfigError as error:
            raise click.UsageError(str(error), ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of verbs without loading bycatch's own."""
        others = {name: _told(name) for name in VERBS.others}
        with formatter.section("Commands"):
            formatter.write_dl(list((_VERBS | others).items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; an error that a user can act on is one sentence and exit code 2."""
        try:
            return super().invoke(ctx)
        except BycatchError as error:
            click.echo(f"bycatch: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("bycatch: interrupted; run the same command again to continue.", err=True)
            sys.exit(130)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="bycatch")
def main() -> None:
    """Find new physics in collider data without being told what to look for.

    \b
    Example:
      bycatch demo                 a whole search on the embedded sample
      bycatch search search.yaml   a search on your own file
    """
    # Small fits run several times faster with one thread; libraries read these when they load.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
