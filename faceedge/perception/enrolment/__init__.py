"""How a person becomes known to a near-face radar: consent, guided capture, quality, a threshold, duplicates.

Nothing here writes a file. Looks and embeddings stay in memory until `Enrolment.finish` gives a protected template,
which `faceedge.perception.templates` stores.
"""
