"""One self-contained page about one or more results."""
