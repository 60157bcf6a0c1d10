"""One file = one command of `mlpnas`; light to import, loads what it needs when it runs."""
