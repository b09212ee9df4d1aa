"""Contracts between rooms: tensors, batches of pixels, records. Knows no other room."""
