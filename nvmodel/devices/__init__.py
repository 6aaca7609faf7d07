"""Devices: published numbers, and what they say before anything is solved."""
