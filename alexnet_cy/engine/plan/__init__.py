"""A pass as a list of steps: algorithms, activations, their places in one arena."""
