"""Few spins under any record: matrices of what is known, in heat, with noise and stages."""
