"""Public data sets, one file each, with a reader and a writer for the exact layout.

What to use when: `lhco` (LHC Olympics R&D), `top_landscape` (tops against QCD, pandas HDF5),
`padded` (the same or other jets as an npz file), `jetclass` (ten classes, ROOT), `jetnet` (particle
clouds, HDF5), `adc2021` (19 objects per event, HDF5), `dark_machines` (text, a line per event).
In each, `read` and `scan` give `Events` with the columns of our own simulation, and `write` takes
them.
"""
