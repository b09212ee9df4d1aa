"""Pickles looked through before anything of them is built."""
