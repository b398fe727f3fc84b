"""Calibration on retrained signal-free pseudo-experiments, and the correction from it."""
