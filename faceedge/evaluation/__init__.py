"""How good what faceedge perceives is: protocols, figures and baselines on anyone's recordings."""
