"""From events to an honest excess.

The main job stands in this folder, in the order in which it runs: `plan`, `load`, `regions`,
`folds`, `scoring`, `selection`, `looks`, `assemble`, with `run` on top and `checks`, `closure`,
`interpret`, `evaluation` beside. What it builds on has folders of its own: `fits` (smooth
backgrounds), `significance` (local and global p-values), `validation` (calibration on
pseudo-experiments) and `bumphunt` (the hunt in one spectrum, without learning).
"""
