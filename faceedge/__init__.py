"""Who is there and how their face moves, on the device, without a picture leaving it."""

__version__ = "0.1.0"
