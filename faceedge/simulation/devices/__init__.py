"""Devices that speak the real wire protocols, for tests, the demonstration, and work without hardware."""
