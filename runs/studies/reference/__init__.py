"""Pages of the docs that tell what the program has: made of its own tables."""
