"""The semiclassical engine: cumulant averages and truncated-Wigner single runs.

Its contract is the quantum engine's: `evolve(model, times, order=2)` and
`sample(model, times, runs, seed, first=0)` return a `nvmodel.Solution`. Neither is built yet.
"""
