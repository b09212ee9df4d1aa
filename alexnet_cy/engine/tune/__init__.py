"""Algorithms chosen by measurement, and the file that keeps the times."""
