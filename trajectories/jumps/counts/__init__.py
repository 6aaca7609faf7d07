"""What single runs are added up in: tallies, exact sums, spreads, one line a run."""
