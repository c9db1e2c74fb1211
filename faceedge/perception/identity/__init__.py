"""Who is in front of the radar: looks of some seconds to one vector of length 1."""
