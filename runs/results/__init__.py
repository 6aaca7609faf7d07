"""Results: a study carried out, its folder, and what is read from it."""
