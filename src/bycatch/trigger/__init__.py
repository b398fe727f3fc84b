"""From an anomaly score to a trigger: rates, working points, and small exported models."""
