"""Ensembles p(1|x) on flat features: boosted trees and networks, one engine per file."""
