"""Backgrounds, fits, local and global significance of spectra; knows nothing of learning."""
