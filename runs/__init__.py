"""Run definitions, distribution over ranks, results, figures and the command line."""
