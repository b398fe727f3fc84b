"""Scores without labels, trained and judged: what `bycatch score` does.

In the order in which it runs: `plan` (what is asked for), `sample` and `inputs` (events as arrays,
on disk), `trainings` (which models learn from which rows), `train` with `reference` (the labelled
yardstick), `explain` and `encode`, `hunts` (bumps behind cuts), `judge`, `sculpt` and `latent`
(numbers), `result`, with `run` on top.
"""
