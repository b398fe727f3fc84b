"""Pages: what every one says beside its verb's own words and figures, and how it is written.

A verb's page is a template that extends ``base.html.j2``, its words and its figures; `write_page`
adds versions, settings and citations. Another package gives the folder of its own templates.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from bycatch.citations import known_to
from bycatch.report.html import environment
from bycatch.tasks import atomic_write, plain

PACKAGES: Final = ("bycatch", "numpy", "scipy", "torch", "lightgbm", "scikit-learn", "matplotlib")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a number can depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def entries(keys: Iterable[str]) -> list[str]:
    """Return the BibTeX entry of each key, once; a comment for a key of another version."""
    cited = list(dict.fromkeys(keys))
    known = known_to(cited)
    return [known.get(key, f"% {key}: bycatch holds no entry for this key") for key in cited]


def write_page(
    template: str,
    result: Any,
    folder: Path,
    command: str,
    *,
    cited: Iterable[str] | None = None,
    printed_versions: Mapping[str, str] | None = None,
    templates: Path | None = None,
    **told: Any,
) -> Path:
    """Write ``report.html``.

    Parameters
    ----------
    template : str
        Name of a file among the templates; it may use ``result``, ``command``, ``versions``,
        ``citations`` (a list of entries), ``settings`` (YAML; empty for a result without
        ``config``) and what `told` holds.
    result : Result
        What the verb found.
    folder : Path
    command : str
        What repeats the run from inside `folder`.
    cited : iterable of str, optional
        Keys of `bycatch.citations`; by default ``result.citations``.
    printed_versions : mapping, optional
        Of Python and packages; by default those that are installed.
    templates : Path, optional
        Folder that is looked into before bycatch's own.
    **told
        Words and figures of the verb.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    StorageError
        Where it cannot be written; an earlier page stays whole.
    """
    config = getattr(result, "config", None)
    # Keys keep their order, short mappings stay on one line: as users write them.
    settings = (
        ""
        if config is None
        else yaml.safe_dump(
            plain(config), sort_keys=False, allow_unicode=True, default_flow_style=None
        )
    )
    page = (
        environment(templates)
        .get_template(template)
        .render(
            result=result,
            command=command,
            versions=versions() if printed_versions is None else dict(printed_versions),
            citations=entries(result.citations if cited is None else cited),
            settings=settings,
            **told,
        )
    )
    path = folder / "report.html"
    atomic_write(path, page.encode())
    return path
