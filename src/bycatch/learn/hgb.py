"""Ensembles of boosted trees with scikit-learn's histogram gradient boosting."""
