"""Protected templates of people's faces: what is stored, where its keys are, how both are revoked and erased.

A raw embedding never leaves the memory of the process that computed it: see `polyprotect` for what takes its place and
`vault` for how that is kept.
"""
