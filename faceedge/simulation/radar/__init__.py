"""Synthetic radar: surfaces and points in front of an FMCW radar, and the ADC samples that they cause."""
