"""The Ray backend: a pool of actors for jobs of seconds, Ray Tune for longer ones."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from mlpnas.engine.backends._pool import Pool
from mlpnas.engine.devices import Devices, ThisMachine, slots
from mlpnas.engine.jobs import Jobs, Placement

_POOL_BELOW = 10.0  # seconds a job; Ray Tune's way there and back counts for less in longer ones


class Ray:
    """See backends.Backend."""

    packages: ClassVar[Mapping[str, str]] = {"ray": "ray[tune]"}
    is_parallel = True
    has_clusters = True
    ends_hung_workers = True
    schedulers = ("tune", "pool")

    def __init__(self, placement: Placement) -> None:
        self.placement = placement

    @staticmethod
    def choose_scheduler(seconds: float) -> tuple[str, str]:
        return ("pool", "a pool of workers runs them, not Ray Tune") if seconds < _POOL_BELOW else ("tune", "")

    @staticmethod
    @contextmanager
    def devices(address: str) -> Iterator[Devices]:
        """Return a cluster where there is an address, or where Ray runs in this process already; else this machine."""
        if address or "ray" in sys.modules:
            from mlpnas.engine.backends._ray_cluster import find_cluster, is_running

            if address or is_running():
                with find_cluster(address) as devices:
                    yield devices
                return
        yield ThisMachine()

    @contextmanager
    def ready(self) -> Iterator[None]:
        from mlpnas.engine.backends._ray_cluster import Cluster, connect

        placement = self.placement
        with connect(placement.address, placement.workers):
            held = max(1, slots(Cluster().nodes, placement.gpus_per_job))
            self.workers = min(placement.workers or held, held)
            yield

    def run(self, jobs: Jobs) -> None:
        if self.placement.scheduler == "pool":
            from mlpnas.engine.backends._ray_cluster import Actors

            with Actors(self.placement.gpus_per_job) as actors:
                Pool(jobs, actors, self.workers).run()
        else:
            from mlpnas.engine.backends._ray_tune import run_on_tune

            run_on_tune(jobs, self.workers, self.placement.gpus_per_job)
