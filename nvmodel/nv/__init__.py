"""The nitrogen-vacancy centre in diamond: levels, and the two of them that charge."""
