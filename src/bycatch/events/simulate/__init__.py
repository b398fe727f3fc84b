"""Events of our own: Pythia 8 processes and a parametrised detector.

What to use when: `simulate` (or ``bycatch simulate``) for a file of events, `simulation_info` for
its cross section and acceptance, `all_processes` for what there is.
"""

from __future__ import annotations

from bycatch.events.simulate.files import simulation_info
from bycatch.events.simulate.processes import all_processes, find_process
from bycatch.events.simulate.run import simulate

__all__ = ["all_processes", "find_process", "simulate", "simulation_info"]
