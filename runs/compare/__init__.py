"""Results over each other: what is comparable, what differs, and by how much.

`matching` pairs the curves of result folders, or refuses; `differences` and `distances` measure
curves and distributions; `statements` says what agrees within what; `drawing` draws and `command`
is the glue.
"""
