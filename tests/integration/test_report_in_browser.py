"""The report in a real browser: it draws, it complains of nothing, it asks the network for nothing."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlpnas.report import write_report
from tests.support import fake_runs

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@pytest.fixture(scope="module")
def browser() -> str:
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip(f"no browser to open the report in: none of {', '.join(BROWSERS)}")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    runs = {
        "quick": fake_runs.quick(folder / "quick"),
        "asmlp": fake_runs.backbones(folder / "asmlp"),
        "empty": fake_runs.write(folder / "empty"),
    }
    return {name: write_report(run) for name, run in runs.items()}


def opened(browser: str, page: Path, profile: Path, *options: str) -> tuple[str, list[str]]:
    """Return the document after its scripts have run, and the console's messages, including refused requests."""
    command = [browser, *QUIET, f"--user-data-dir={profile}", "--virtual-time-budget=8000", "--enable-logging=stderr"]
    done = subprocess.run(
        [*command, *(options or ["--dump-dom"]), page.as_uri()], capture_output=True, text=True, timeout=120
    )
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.parametrize(("name", "plots"), [("quick", 5), ("asmlp", 5), ("empty", 0)])
def test_page_draws_all_its_charts(
    browser: str, reports: dict[str, Path], tmp_path: Path, name: str, plots: int
) -> None:
    document, console = opened(browser, reports[name], tmp_path)
    assert console == []
    assert document.count('class="main-svg"') >= plots
    assert document.count("plot js-plotly-plot") == plots
    assert "<h1>" in document
    assert ("No trial yet" in document) == (plots == 0)


def test_front_stands_in_the_document(browser: str, reports: dict[str, Path], tmp_path: Path) -> None:
    document, _ = opened(browser, reports["asmlp"], tmp_path)
    chart = document[document.index('id="front"') : document.index('data-for="front"')]
    for words in ("axial_shift", "best: trial", "knee: trial", "as_mlp_b", "ImageNet-1k top-1", "budget 15 GMACs"):
        assert words in chart
    assert chart.count("<path") > 40  # the dots


def test_a_request_would_be_refused_and_seen(browser: str, reports: dict[str, Path], tmp_path: Path) -> None:
    """The check above can fail: the page's own policy stops a request, and the console says so."""
    page = tmp_path / "page.html"
    html = reports["empty"].read_text()
    page.write_text(html.replace("</main>", "<img src='http://127.0.0.1:9/x.png'><script>alert(1)</script></main>"))
    _, console = opened(browser, page, tmp_path / "profile")
    assert len([line for line in console if "violates the following Content Security Policy" in line]) == 2


def test_pictures_lie_inside_the_page(browser: str, reports: dict[str, Path], tmp_path: Path) -> None:
    """The page's own policy lets them through, and they are whole."""
    html = reports["asmlp"].read_text()
    nonce = html.split("script-src 'nonce-")[1].split("'")[0]
    page, count = tmp_path / "page.html", "[...document.images].filter((image) => image.naturalWidth > 6).length"
    page.write_text(
        html.replace("</body>", f"<script nonce='{nonce}'>document.title = 'pictures: ' + {count}</script></body>")
    )
    document, console = opened(browser, page, tmp_path / "profile")
    assert console == []
    assert "<title>pictures: 8</title>" in document  # a block and the network, four stages


@pytest.mark.parametrize(("width", "height"), [(1280, 1600), (500, 1200)])
def test_page_is_not_blank(browser: str, reports: dict[str, Path], tmp_path: Path, width: int, height: int) -> None:
    shot = tmp_path / "shot.png"
    opened(browser, reports["quick"], tmp_path / "p", f"--screenshot={shot}", f"--window-size={width},{height}")
    pixels = np.asarray(Image.open(shot).convert("RGB"))
    assert pixels.shape == (height, width, 3)
    inked = (pixels < 250).any(axis=2)
    assert 0.01 < inked.mean() < 0.6
    assert all(band.any() for band in np.array_split(inked, 6))  # from top to bottom
    blues = (pixels[..., 2].astype(int) - pixels[..., 0]) > 60
    assert blues.sum() > 50  # dots and lines, not words alone
