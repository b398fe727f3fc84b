"""The table of acceptance and trigger efficiency of the lepton stream, beside the published one.

References
----------
O. Cerri et al., "Variational autoencoders for new physics mining at the Large Hadron Collider",
arXiv:1811.10276, tables 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """One line of the published tables.

    Attributes
    ----------
    title : str
    acceptance, trigger : float, in %
    cross_section : float or None, in nb
        None where it was chosen and not computed.
    """

    title: str
    acceptance: float
    trigger: float
    cross_section: float | None = None


PUBLISHED = {
    "w_lepton": Published("W", 55.6, 68.0, 58.0),
    "qcd_lepton": Published("QCD", 0.08, 9.6, 1.6e5),
    "z_lepton": Published("Z", 16.0, 77.0, 20.0),
    "tt_lepton": Published("tt", 37.0, 49.0, 0.7),
    "a_4l": Published("A -> 4l", 5.0, 98.0),
    "lq_btau": Published("LQ -> b tau", 19.0, 62.0),
    "h0_tautau": Published("h0 -> tau tau", 9.0, 70.0),
    "hplus_taunu": Published("h+ -> tau nu", 18.0, 69.0),
}
"""By process; see `bycatch.events.simulate.processes.lepton_stream` and `lepton_benchmarks`."""

_HEAD = (
    "process       | acceptance [%]   lecture | trigger eff. [%]  lecture |"
    " total [%]       lecture | cross section [nb] lecture | accepted effective"
)


def acceptance_table(metadata: Mapping[str, Any]) -> str:
    """Return the table as text.

    Parameters
    ----------
    metadata : mapping
        As `bycatch.events.simulate.simulation_info` returns them, of a process of the stream.

    Returns
    -------
    str
        Per process our number with its statistical error, and the lecture's. Acceptance: generated
        events with a true electron or muon above 23 GeV in the detector's reach; trigger: those of
        them with one that is measured above 23 GeV and isolated; total: all events that the
        trigger takes. Effective is Kish's size of the accepted events, (sum w)^2 / sum w^2.
    """
    lines = [_HEAD, "-" * len(_HEAD)]
    for name, part in metadata["parts"].items():
        published = PUBLISHED[name.removesuffix("_particles").replace("_tail", "")]
        inside, inside_error = part["counts"]["in_acceptance"]
        taken, taken_error = part["counts"]["triggered_in_acceptance"]
        trigger = taken / inside if inside else 0.0
        trigger_error = _ratio_error(taken, taken_error, inside, inside_error)
        total = published.acceptance * published.trigger / 100.0
        section = part["cross_section_pb"] * 1e-3
        known = f"{published.cross_section:.3g}" if published.cross_section else "-"
        lines.append(
            f"{published.title:<14}|"
            f" {_number(100 * inside, 100 * inside_error):<16} {published.acceptance:>7g} |"
            f" {_number(100 * trigger, 100 * trigger_error):<17} {published.trigger:>7g} |"
            f" {_number(100 * part['acceptance'], 100 * part['acceptance_error']):<15}"
            f" {total:>7.2g} |"
            f" {section:<18.4g} {known:>7} |"
            f" {part['n_accepted']:<8d} {part['effective_accepted']:.0f}"
        )
    return "\n".join(lines)


def _number(value: float, error: float) -> str:
    return f"{value:.3g} +- {float(f'{error:.1g}'):g}"  # never 2e+01


def _ratio_error(part: float, part_error: float, whole: float, whole_error: float) -> float:
    """Return the error of part/whole, the part being contained in the whole.

    With independent numbers inside and outside the part, the variance is
    ((1 - 2 r) var(part) + r^2 var(whole)) / whole^2.
    """
    if whole <= 0.0:
        return 0.0
    r = part / whole
    variance = (1.0 - 2.0 * r) * part_error**2 + r**2 * whole_error**2
    error: float = max(variance, 0.0) ** 0.5 / whole
    return error
