"""Derive: the targeting formula, what its probabilities are worth, and the money that follows from them."""
