"""Helpers of all HTML pages: templates, embedded figures, numbers as text.

A page is one file: its figures are data URIs and its style is inline. Each figure is embedded
twice, drawn for a desktop and drawn for a phone, so that its text is readable on both.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from PIL import Image

from bycatch.report import numbers
from bycatch.report.style import NARROW, WIDE, figure_bytes
from bycatch.tasks import atomic_write

COLOURS: Final = 128


@dataclass(frozen=True)
class Embedded:
    """A figure inside a page.

    Attributes
    ----------
    name : str
        Of its files, without suffix.
    alt : str
        What it shows, for people who cannot see it.
    caption : str
        What its lines and bands are.
    wide, narrow : str
        Data URIs for a desktop and for a phone.
    files : tuple of str
        Paths of PDF and PNG relative to the page; empty where none were written.
    """

    name: str
    alt: str
    caption: str
    wide: str
    narrow: str
    files: tuple[str, ...] = ()


@cache
def environment(templates: Path | None = None) -> jinja2.Environment:
    """Return the template environment: autoescape on, an undefined name is an error.

    Parameters
    ----------
    templates : Path, optional
        Folder of another package that is looked into first.
    """
    own = jinja2.PackageLoader("bycatch.report", "templates")
    env = jinja2.Environment(
        loader=own
        if templates is None
        else jinja2.ChoiceLoader([jinja2.FileSystemLoader(templates), own]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in numbers.__all__:
        env.filters[name] = getattr(numbers, name)
    env.filters["code"] = code
    return env


def code(text: str) -> Markup:
    """Return `text` escaped, what stands between back ticks as code, ``1e-4`` unbroken."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:
        parts = [str(text)]
    pieces = (
        Markup("<code>{}</code>").format(part) if i % 2 else _unbroken(part)
        for i, part in enumerate(parts)
    )
    return Markup("").join(pieces)


def _unbroken(text: str) -> Markup:
    pieces = re.split(r"(\d(?:\.\d+)?e-\d+)", text)
    span = Markup('<span class="n">{}</span>')
    return Markup("").join(span.format(x) if i % 2 else escape(x) for i, x in enumerate(pieces))


def compact(png: bytes) -> bytes:
    """Return a picture with at most 128 colours: a third of the size, and no difference to see."""
    with Image.open(io.BytesIO(png)) as picture:
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A") if "A" in picture.getbands() else None)
    few = flat.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # Cells of the octree are named after their middle: white would be 254.
    few.putpalette([255 if part >= 252 else part for part in few.getpalette() or ()])
    buffer = io.BytesIO()
    few.save(buffer, "png")
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """Return a PNG file, with few colours, as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(compact(png)).decode('ascii')}"


def publish(
    draw: Callable[[float], Figure], folder: Path, name: str, alt: str, caption: str = ""
) -> Embedded:
    """Embed a figure and write it as ``figures/NAME.pdf`` and ``.png`` under `folder`.

    Raises
    ------
    StorageError
        Where a file cannot be written.
    """
    figure = draw(WIDE)
    contents = {"pdf": figure_bytes(figure, "pdf"), "png": figure_bytes(figure, "png")}
    files = []
    for kind, content in contents.items():
        path = Path("figures") / f"{name}.{kind}"
        atomic_write(folder / path, content)
        files.append(path.as_posix())
    narrow = data_uri(figure_bytes(draw(NARROW), "png"))
    return Embedded(name, alt, caption, data_uri(contents["png"]), narrow, tuple(files))
