"""Write the pages of methods from the methods themselves: their options, and their papers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bycatch.citations import CITATIONS
from bycatch.learn import CLASSIFIERS, DENSITIES, TAGGERS
from bycatch.learn.options import Options, options_of
from bycatch.registry import Registry
from bycatch.score import SCORES
from bycatch.template import TEMPLATES

ROOT = Path(__file__).resolve().parents[1]
KINDS: dict[str, tuple[Registry[Any], str]] = {
    "Scores": (SCORES, "`bycatch score`: `methods: [{{name: {name}}}]`"),
    "Templates": (TEMPLATES, "`bycatch search`: `methods: [{{template: {name}}}]`"),
    "Classifiers": (CLASSIFIERS, "`bycatch search`: `classifier: {name}`"),
    "Densities": (DENSITIES, "`density: {name}` of `cathode`, `anode` and `flow`"),
    "Taggers": (TAGGERS, "`bycatch score`: `supervised: {{name: {name}}}`"),
}
"""What is told, and where a YAML file names it."""

PAPERS = """# Papers, and where they are

<!-- Made by docs/methods_reference.py from the methods: change them. -->

Each row is a paper that a method names, the file that implements it, the line of YAML that runs it,
and the section of `benchmarks/RESULTS.md` that first measures it by name.

| arXiv | method | file | YAML | measured |
|---|---|---|---|---|
"""
METHODS = """# Options of every method

<!-- Made by docs/methods_reference.py from the methods: change them. -->

An option is declared once, in the class of its method; this page, the class's docstring and the
check of its bounds follow from there.
"""


def write_methods(folder: Path) -> None:
    """Write the pages where they changed, so that Sphinx does not rebuild for nothing."""
    for name, text in (("papers.md", papers()), ("methods.md", methods())):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def papers() -> str:
    """Return the table of papers, by number."""
    sections = _sections()
    rows = set()
    for registry, yaml in KINDS.values():
        for name in registry.own:
            file = str(registry.own[name]).partition(":")[0].replace(".", "/")
            for number in _numbers(registry[name]):
                link = f"[{number}](https://arxiv.org/abs/{number})"
                told = re.compile(rf"`{name}`|^\| *{name}\b", re.MULTILINE)
                measured = next((s for s, text in sections if told.search(text)), "")
                line = yaml.format(name=name)
                rows.add(f"| {link} | `{name}` | `src/{file}.py` | {line} | {measured} |")
    return PAPERS + "\n".join(sorted(rows)) + "\n"


def _numbers(method: type[Any]) -> Iterator[str]:
    """Yield the arXiv numbers in a method's text and in its citations."""
    module = inspect.getmodule(method)
    texts = [method.__doc__ or "", (module and module.__doc__) or ""]
    keys = (getattr(method, "citation", ""), *getattr(method, "further_citations", ()))
    texts += [CITATIONS[key] for key in keys if key in CITATIONS]
    for text in texts:
        yield from re.findall(r"(?:arXiv:|eprint = \{)(\d{4}\.\d{4,5})", text)


def _sections() -> list[tuple[str, str]]:
    """Return heading and text of each section of the results."""
    text = (ROOT / "benchmarks/RESULTS.md").read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part) for part in parts]


def methods() -> str:
    """Return the options of all methods, a table for each."""
    parts = [METHODS]
    for title, (registry, yaml) in KINDS.items():
        parts.append(f"## {title}\n")
        for name in registry.own:
            about = inspect.cleandoc(registry[name].__doc__ or "").partition("\n\n")[0]
            about = " ".join(about.split())
            parts.append(f"### {registry.kind} `{name}`\n\n{about} {yaml.format(name=name)}.\n")
            parts.append(_table(registry, name))
    return "\n".join(parts)


def _table(registry: Registry[Any], name: str) -> str:
    method = registry[name]
    declared = {f.name: f for f in options_of(method)} if issubclass(method, Options) else {}
    rows = ["| option | default | bounds | meaning |", "|---|---|---|---|"]
    for key, default in registry.options(name).items():
        told = declared[key].metadata if key in declared else {}
        bounds = _bounds(told.get("least"), told.get("most"))
        meaning = re.sub(r"(\[\d\])_", r"\1", str(told.get("says", ""))).replace("|", "\\|")
        rows.append(f"| `{key}` | `{default!r}` | {bounds} | {meaning} |")
    if len(rows) == 2:
        return "It has no options.\n"
    return "\n".join([*rows, ""])


def _bounds(least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f"from {least:g}"
    return f"up to {most:g}" if least is None else f"{least:g} to {most:g}"
