"""Where the semiclassical engine may stand in for the exact one: the crossover study.

The run definitions beside this file are like any user's. `evidence` carries them out and compares
them; `errors` makes the map of errors that `expected` reads for `engine = "auto"`, `tables` and
`memory_page` what the page says, `drawing` its figures; `command` is the glue.
"""
