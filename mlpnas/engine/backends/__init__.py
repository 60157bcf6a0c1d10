"""Backends: one file runs jobs in one way. They are found by name; other packages add theirs as `mlpnas.backends`."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import ClassVar, Protocol

from mlpnas.engine.devices import Devices
from mlpnas.engine.jobs import Jobs, Placement


class Backend(Protocol):
    """A way to run jobs. Importing its file loads none of its packages, so that it can say what it needs.

    It takes a job only when a worker is free, and hands each outcome back once. A job whose worker dies is given to
    another one; after `crashes.DEATHS` deaths its outcome is "failed". A worker whose outcome `ends_worker` is
    replaced. On KeyboardInterrupt the backend lets go of its workers and raises it again.

    Attributes:
        packages: what it needs besides mlpnas: module -> what to install.
        is_parallel: whether it runs several jobs at once, each in a process of its own that may share a GPU.
        has_clusters: whether its jobs can run on a cluster at an address.
        ends_hung_workers: whether it kills the workers of `Jobs.find_hung`.
        schedulers: who may hand out its jobs.
    """

    packages: ClassVar[Mapping[str, str]]
    is_parallel: ClassVar[bool]
    has_clusters: ClassVar[bool]
    ends_hung_workers: ClassVar[bool]
    schedulers: ClassVar[tuple[str, ...]]

    def __init__(self, placement: Placement) -> None: ...

    @staticmethod
    def choose_scheduler(seconds: float) -> tuple[str, str]:
        """Return who hands out jobs of so many seconds each, and a phrase that tells people of it, or ""."""
        ...

    @staticmethod
    def devices(address: str) -> AbstractContextManager[Devices]:
        """Return the machines that jobs would run on, for as long as they are asked things."""
        ...

    def ready(self) -> AbstractContextManager[None]:
        """Hold the machines of the workers, so that one that cannot be had is known before anything is written.

        Raises:
            RunError: the machines cannot be had.
        """
        ...

    def run(self, jobs: Jobs) -> None:
        """Run the jobs until there are no more.

        Raises:
            MlpnasError: no job could be run here, as where data are gone.
        """
        ...
