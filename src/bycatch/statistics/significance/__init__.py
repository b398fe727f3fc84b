"""Local p-values of windows and peaks, null toys of all looks, and global p-values."""
