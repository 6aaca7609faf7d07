"""Where the semiclassical engine may stand in for the exact one: the crossover study.

The run definitions beside this file are like any user's. `evidence` carries them out and compares
them; `errors` makes the map of errors that `expected` reads for `engine = "auto"`, `laws` the
exponents, `tables` the page's tables, `drawing` its figures; `command` and `document` are the glue.
"""
