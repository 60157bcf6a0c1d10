"""Search spaces: YAML -> tree of questions -> answers and ArchSpec, sampled and fitted inside a budget."""

from mlpnas.space.space import SearchSpace

__all__ = ["SearchSpace"]
