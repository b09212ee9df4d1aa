"""Finished rows to files: one module a format, chosen by the ending of the output's name."""
