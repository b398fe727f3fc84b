"""What holds for the writers of all layouts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# A limit on the size of files stands for a full disk; the limit would stay in this process.
PROGRAM = """
import resource, signal, sys
import numpy as np
from bycatch.errors import StorageError
from bycatch.events import Events
from bycatch.events.public import adc2021, dark_machines, jetclass, jetnet, padded, top_landscape
import awkward as ak

rng = np.random.default_rng(1)
lists = ak.unflatten(rng.random(30_000), np.full(600, 50))
names = [f"constituent_{name}" for name in ("px", "py", "pz", "E")]
jet = [f"jet_{name}" for name in ("pt", "eta", "phi", "mass")]
jets = Events(
    {**dict.fromkeys(names, lists), **dict.fromkeys([*jet, "jet_class"], np.zeros(600))},
    label=np.zeros(600),
)
jets = Events({**jets.columns, "jet_pt": np.ones(600)}, label=jets.label)
objects = adc2021.Objects(rng.random((600, 19, 3)))
flat = dict.fromkeys(["event", "weight", "met_pt", "met_phi"], np.ones(600))
lines = {f"object_{name}": lists for name in ("E", "pt", "eta", "phi")}
lines["object_kind"] = ak.zeros_like(lists, dtype=int)
text = Events({**flat, **lines, "process": np.full(600, "a")})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
work = {
    "a.h5": (top_landscape, jets), "b.npz": (padded, jets), "c.root": (jetclass, jets),
    "d.hdf5": (jetnet, jets), "e.h5": (adc2021, objects), "f.csv": (dark_machines, text),
}
for name, (module, content) in work.items():
    try:
        module.write(f"{sys.argv[1]}/{name}", content)
    except StorageError as error:
        print(name, "could not be written" in str(error))
"""


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{name} True" for name in ("a.h5", "b.npz", "c.root", "d.hdf5", "e.h5", "f.csv")
    ]
    assert not list(tmp_path.iterdir())


def test_importing_the_room_is_cheap() -> None:
    program = (
        "import bycatch.events.public, sys; print('awkward' in sys.modules, 'h5py' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.split() == ["False", "False"]
