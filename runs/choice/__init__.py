"""Which engine answers, and what it will cost."""
