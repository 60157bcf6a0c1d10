"""What may be decided: YAML -> tree of questions -> answers + ArchSpec, drawn and fitted inside a budget."""

from mlpnas.space.space import SearchSpace

__all__ = ["SearchSpace"]
