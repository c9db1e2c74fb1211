"""From model outputs to decisions over time."""
