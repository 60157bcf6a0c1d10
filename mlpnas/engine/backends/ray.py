"""The Ray backend: a pool of actors for trials of seconds, Ray Tune for longer ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlpnas.engine.backends._pool import Pool
from mlpnas.engine.driver import Driver, measured
from mlpnas.engine.planning.devices import slots
from mlpnas.manifest import Manifest
from mlpnas.plugins import find


class Ray:
    """See backends.Backend."""

    @contextmanager
    def ready(self, manifest: Manifest) -> Iterator[None]:
        from mlpnas.engine.backends._ray_cluster import Cluster, connected

        with connected(manifest.address, manifest.workers):
            held = max(1, slots(Cluster().nodes, manifest.gpus_per_trial))
            self.workers = min(manifest.workers or held, held)
            yield

    def run(self, driver: Driver) -> None:
        manifest = driver.run.manifest
        if manifest.scheduler == "pool" or not _trains(manifest):
            from mlpnas.engine.backends._ray_cluster import Actors

            with Actors(manifest.gpus_per_trial) as actors:
                Pool(driver, actors, self.workers).run()
        else:
            from mlpnas.engine.backends._ray_tune import train

            train(driver, self.workers)


def _trains(manifest: Manifest) -> bool:
    return any(find("objectives", name).needs_training for name in measured(manifest))
