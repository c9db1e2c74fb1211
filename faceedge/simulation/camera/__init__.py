"""Synthetic camera: a software rasteriser, light, exposure and noise."""
