"""Mean loss on val, after the last epoch: cross-entropy for classifiers."""

from mlpnas.objectives import Metric


class Loss(Metric):
    direction = "minimize"
    unit = "nats"
    label = "loss"
    column = "val_loss"
