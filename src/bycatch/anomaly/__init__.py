"""Scores without labels, trained and judged: what `bycatch score` does.

In the order in which it runs: `plan` (what is asked for), `sample` and `inputs` (events as arrays,
on disk), `trainings` (which models learn from which rows), `train`, `judge` and `spectra` (numbers,
sculpting and bump hunts), `result`, with `run` on top.
"""
