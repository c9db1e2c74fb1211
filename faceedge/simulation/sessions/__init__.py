"""Sessions: a synthetic person before all sensors, recorded to files with the truth; many of them are a data set."""
