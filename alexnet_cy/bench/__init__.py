"""The base of `alexnet-cy bench` and benchmarks/bench_layers.py: a network timed layer by layer.

`measure.measure` takes `Settings` and gives a `Report`: our pass and NumPy's in turn
(`alternate`, `passes`), the limits of the machine before and after (`limits`), and, if asked
for, layers in plain Python loops (`plain_loops`). `tables` prints a report, `plot` draws it,
`results.Report.as_json` is its data.
"""
