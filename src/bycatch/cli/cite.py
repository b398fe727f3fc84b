"""`bycatch cite`: whom to cite."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bycatch.errors import InputError


@click.command()
@click.argument("run_folder", type=click.Path(path_type=Path), required=False)
def cite(run_folder: Path | None) -> None:
    """Print BibTeX of the methods that the run in RUN_FOLDER used; of all without RUN_FOLDER.

    \b
    Example:
      bycatch cite runs/demo > methods.bib
    """
    from bycatch.citations import CITATIONS, bibtex  # noqa: PLC0415

    keys = list(CITATIONS) if run_folder is None else _keys(run_folder)
    click.echo(bibtex(keys))


def _keys(run_folder: Path) -> list[str]:
    path = run_folder / "result.json"
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["citations"])
    except FileNotFoundError as error:
        raise InputError(
            f"{run_folder} has no result.json; give the folder of a finished run."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not list the citations of a run ({error!r}).") from error
