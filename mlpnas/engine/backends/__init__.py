"""What runs the jobs of a driver: local.py in this process, ray_cluster.py on cores, GPUs or a cluster."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from mlpnas.manifest import Manifest

if TYPE_CHECKING:
    from mlpnas.engine.driver import Driver


class Backend(Protocol):
    """Runs jobs: takes the next one only when a worker is free, and hands each end back once.

    `ready` holds the workers' machines, so that one that cannot be had is known before anything is written. A job whose
    worker dies is given to another one; after `crashes.DEATHS` it is an Outcome("failed"), not an exception. A worker
    that is `watch.overdue` is killed, if the backend can, and so is one whose outcome `ends_worker`. On
    KeyboardInterrupt it lets go of its workers and raises it again.
    """

    def ready(self, manifest: Manifest) -> AbstractContextManager[None]: ...

    def run(self, driver: "Driver") -> None: ...
