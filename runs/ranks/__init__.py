"""Ranks: the MPI world, blocks of runs handed out, and what they made kept on the way."""
