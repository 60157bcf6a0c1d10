"""Keeping a run folder: who may write to it, what is written, what is sent elsewhere."""
