"""One synthetic person: the head as a mesh, identity, expressions, skin, and what is worn."""
