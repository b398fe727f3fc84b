"""Public data sets, one file each: `lhco` (LHC Olympics R&D)."""
