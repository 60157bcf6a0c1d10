"""Samplers: one file each, found by name; each is a sampler of Optuna.

A sampler knows a tree of questions, costs and a window; nothing of networks, training or Ray.
"""

from mlpnas.samplers._base import ArchitectureSampler
from mlpnas.samplers._domain import Domain, Proposal
from mlpnas.samplers._make import make_sampler
from mlpnas.samplers._sharing import copy_study, serve, study
from mlpnas.samplers._study import RunStudy

__all__ = ["ArchitectureSampler", "Domain", "Proposal", "RunStudy", "copy_study", "make_sampler", "serve", "study"]
