"""Conditional densities p(x|c) that give likelihoods and samples, one family per file."""
