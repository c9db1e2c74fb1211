"""Radar: chirp settings and their physics, drivers, range-Doppler and micro range-Doppler."""
