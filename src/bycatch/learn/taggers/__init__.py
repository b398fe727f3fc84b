"""Supervised taggers p(1|x) of jets, one architecture per file."""
