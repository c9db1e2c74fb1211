"""Who is in front of a near-face radar: verified, still the same, or not known."""
