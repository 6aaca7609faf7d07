"""Collective runs whose photons are counted, at any temperature."""
