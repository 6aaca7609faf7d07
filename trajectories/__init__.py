"""The quantum engine: exact averages and quantum-jump single runs."""
