"""train: models that learn by gradient descent. Keras is imported inside functions only: it takes six seconds."""
