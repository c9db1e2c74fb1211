"""Data sets, networks, losses and the export to int8 TFLite. Needs the `train` extra."""
