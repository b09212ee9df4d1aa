"""The frameworks that are timed side by side, one module each; `registry` lists them.

A module here is named after its framework and has three functions: `version()`, `prepare(...)`,
which converts the network once into what the framework likes best, and `load(...)`, which returns
a function from images to probabilities. `interface` says what goes in and comes out.
"""
