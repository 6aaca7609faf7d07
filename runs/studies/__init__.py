"""Studies: definitions carried out, judged, and told on pages of the docs."""
