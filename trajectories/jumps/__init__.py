"""Single runs: `sample`, how runs are made, and what they are added up in."""
