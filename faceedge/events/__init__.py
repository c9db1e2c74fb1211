"""Event cameras: their packets and files, drivers, and what networks are given of them."""
