"""The run folder of a search: who may write to it, what is written, what is sent elsewhere."""
