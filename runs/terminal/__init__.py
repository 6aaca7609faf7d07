"""What the terminal shows: tables of any width, progress, plain letters."""
