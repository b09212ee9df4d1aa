"""From the names in a file to the layers of the network: wrappings, order, derived tensors."""
