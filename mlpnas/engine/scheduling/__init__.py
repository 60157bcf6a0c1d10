"""Scheduling: proposals, rungs of early stopping, trials to try again, hung workers."""
