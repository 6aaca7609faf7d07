"""Single runs by truncated Wigner paths."""
