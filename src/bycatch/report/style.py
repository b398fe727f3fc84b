"""How all figures look: fonts, colours, and saving them with reproducible bytes.

The style starts from mplhep's ATLAS style and is applied locally (`styled`): importing or calling
bycatch never changes the rcParams of a user's notebook.
"""

from __future__ import annotations

import functools
import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast

import matplotlib as mpl
import mplhep
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

WIDE: Final = 8.6
"""Width of a figure on a desktop page and on paper, in inches."""
NARROW: Final = 3.9
"""Width of the same figure on a phone, in inches."""

PALETTE: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's colours, distinguishable with every common colour blindness."""
INK: Final = "#1b2430"
MUTED: Final = "#66707f"
BAND: Final = "#9ec5e3"
SIGNAL: Final = "#fbe3b5"
FAIL: Final = "#b3401a"
TEMPLATE: Final = "#c9d1da"

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _families() -> list[str]:
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    wanted = ("TeX Gyre Heros", "DejaVu Sans")  # the second one fills glyphs that the first lacks
    return [name for name in wanted if name in known] or ["DejaVu Sans"]


def style() -> dict[str, Any]:
    """Return the rcParams of bycatch's figures."""
    ours = dict(mplhep.style.ATLAS)
    ours = {key: value for key, value in ours.items() if not key.startswith(("font.", "mathtext."))}
    sizes = {"font.size": 10, "axes.titlesize": 10, "axes.labelsize": 10.5, "legend.fontsize": 9}
    ticks = {
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "xtick.major.size": 5,
        "xtick.minor.size": 2.5,
        "ytick.major.size": 5,
        "ytick.minor.size": 2.5,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.major.width": 0.8,
        "ytick.major.width": 0.8,
    }
    lines = {"lines.linewidth": 1.5, "lines.markersize": 4.0, "axes.linewidth": 0.8}
    texts = {
        "font.family": _families(),
        "mathtext.fontset": "dejavusans",
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "axes.labelpad": 5,
        "axes.titlelocation": "left",
        "axes.autolimit_mode": "data",
        "axes.formatter.limits": (-4, 5),
        "axes.formatter.use_mathtext": False,  # parsing it takes longer than all the rest
        "legend.borderpad": 0.3,
        "legend.borderaxespad": 0.6,
    }
    output = {"pdf.fonttype": 42, "figure.dpi": 100}
    return {**ours, **sizes, **ticks, **lines, **texts, **output}


@contextmanager
def _local() -> Iterator[None]:
    with mpl.rc_context(cast("Any", style())), warnings.catch_warnings():
        # A name in a script that no installed font covers must not stop a search.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def styled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run a drawing function in bycatch's style and leave the global style alone."""

    @functools.wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with _local():
            return function(*args, **kwargs)

    return wrapper


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure (size in inches) that no global state knows of."""
    return Figure(figsize=(width, height), layout="constrained")


def roomy(width: float) -> bool:
    """Say whether a figure is for a page or paper, and not for a phone."""
    return width > (WIDE + NARROW) / 2


def beside(width: float, wide: float, tall: float) -> tuple[Figure, Axes, Axes]:
    """Return a figure of two panels: side by side and `wide` high, or stacked and `tall` high."""
    if roomy(width):
        figure = new_figure(width, wide)
        return figure, *figure.subplots(1, 2)
    figure = new_figure(width, tall)
    return figure, *figure.subplots(2, 1)


def small_multiples(
    width: float, number: int, columns: int, height: float, extra: float, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each of `number`, row by row, and nothing in the rest.

    `height` is that of a row, `extra` what legend and margins need; `options` go to ``subplots``.
    """
    rows = max(1, -(-number // columns))
    figure = new_figure(width, height * rows + extra)
    panels = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for axes in panels[number:]:
        axes.set_visible(False)
    return figure, panels[:number]


def legend_above(figure: Figure, axes: Axes, columns: int) -> None:
    """Put the legend of `axes` above all panels, where it hides no point."""
    handles = axes.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=columns)


def decades(axis: Axis) -> None:
    """Label the decades of a logarithmic axis."""
    axis.set_major_formatter(FuncFormatter(log_label))


def settle(figure: Figure) -> Figure:
    """Compute the layout once, so that saving in several formats does not repeat it."""
    engine = figure.get_layout_engine()
    if engine is not None:
        with _local():
            FigureCanvasAgg(figure)
            engine.execute(figure)
            figure.set_layout_engine("none")
    return figure


def log_label(value: float, _position: object = None) -> str:
    """Return the label of a logarithmic axis as plain text: ``0.1``, ``100``, ``10⁵``."""
    exponent = math.log10(value) if value > 0 else 0.5
    if value <= 0 or abs(exponent - round(exponent)) > 1e-9:
        return ""
    power = round(exponent)
    if -2 <= power <= 4:
        return f"{10.0**power:,.{max(0, -power)}f}"
    return "10" + str(power).translate(_SUPERSCRIPTS)


def figure_bytes(figure: Figure, kind: Literal["pdf", "png"], dpi: int = 200) -> bytes:
    """Return `figure` as a file; equal figures give equal bytes (no dates, no program names)."""
    buffer = io.BytesIO()
    settle(figure)
    with _local():
        # Straight to the backend: Figure.savefig draws everything twice.
        if kind == "pdf":
            dates = {"CreationDate": None, "ModDate": None}
            FigureCanvasPdf(figure).print_pdf(buffer, metadata=dates)  # type: ignore[no-untyped-call]
        else:
            figure.set_dpi(dpi)
            canvas = FigureCanvasAgg(figure)
            canvas.print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give every name a colour, in order of first appearance."""
    unique = list(dict.fromkeys(names))
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(unique)}


def plain(text: str, longest: int = 40) -> str:
    """Return `text` as matplotlib text without mathematics, shortened to `longest` characters."""
    short = text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return short.replace("$", r"\$")
