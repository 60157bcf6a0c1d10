import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch loads; the tests run in parallel processes

SHARED = Path(__file__).parents[2] / "shared"

settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def no_nohup() -> None:
    """Let a lost terminal end programs as usual, also where the tests run under nohup."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache folder of all tests, so that none of them reads or fills the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPNAS_CACHE", str(folder))
        patch.delenv("MLPNAS_RUNS", raising=False)
        yield folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real data sets beside the repository; skips where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the repository")
    return folder
