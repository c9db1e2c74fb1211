"""Synthetic input for tests, demos and training; a robot never loads it."""
