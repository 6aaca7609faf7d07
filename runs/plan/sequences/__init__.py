"""Plans of sequences: single runs through all stages, and what decides what they store."""
