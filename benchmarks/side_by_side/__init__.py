"""The parts of bench_peers.py.

`networks` makes the weights and images, `processes` runs a contender in a process of its own
(whose side of it is peer_worker.py), `schedule` says who runs when, `results` holds what was found,
`tables` and `plot` show it.
"""
