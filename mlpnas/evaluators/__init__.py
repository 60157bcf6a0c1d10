"""Who judges a candidate: one file per way."""
