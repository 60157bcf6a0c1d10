"""Search a small space for accuracy at few multiply-accumulates; a formula stands in for the training."""

import math

import optuna
import optunahub

import mlpnas

space = mlpnas.SearchSpace.load("quick")


def objective(trial: optuna.Trial) -> tuple[float, float]:
    spec = space.suggest(trial)  # build it with mlpnas.build(spec), and train it
    cost = mlpnas.cost(spec)
    return math.log(cost.params), cost.macs


if __name__ == "__main__":
    module = optunahub.load_module("samplers/mlpnas_known_cost")
    study = optuna.create_study(
        directions=["maximize", "minimize"],
        sampler=module.KnownCost(space, budget="2MMACs", objectives=["log_params", "macs"]),
    )
    study.optimize(objective, n_trials=30)
    print(len(study.best_trials), "architectures on the front")
