"""Networks as the files describe them: from the steps of a graph to a `Variant` and its tensors."""
