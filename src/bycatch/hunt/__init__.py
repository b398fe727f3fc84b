"""The bump hunt in one spectrum: statistic, inputs, procedure."""
