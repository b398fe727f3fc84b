"""From columns to what a model eats: scaling."""
