"""mlpnas' known_cost for any study of Optuna: architectures of a declared space, inside a budget."""

from mlpnas import KnownCost

__all__ = ["KnownCost"]
