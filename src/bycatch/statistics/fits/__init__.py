"""Smooth backgrounds: families, batched Poisson fits, orders, goodness and systematics."""
