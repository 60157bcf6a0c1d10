"""Tasks: one file = one task = one class with the file's name (classify.py: Classify); see training.task.Task.

A new task is a file here, a head (mlpnas/heads/) that names it in `tasks`, a source of data (mlpnas/datasets/) that
does, and objectives (mlpnas/objectives/) for what its evaluation measures.
"""

from mlpnas.datasets import DataRef, tasks_of
from mlpnas.plugins import find
from mlpnas.training.task import Task


def task_of(data: DataRef) -> Task:
    """Return the task that a data set serves."""
    task: Task = find("tasks", tasks_of(data)[0])()
    return task
