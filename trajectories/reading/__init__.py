"""Reading: what a state, a record or a number of photons says of battery and charger."""
