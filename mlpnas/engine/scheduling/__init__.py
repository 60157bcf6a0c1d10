"""Which trial comes next: proposals, rungs of early stopping, trials to repeat, hung workers."""
