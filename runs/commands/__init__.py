"""The commands, one file for each group; what they need is imported when they are called."""
