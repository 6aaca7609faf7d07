"""Pages of the docs: tables between marks, notation as the docs set it."""
