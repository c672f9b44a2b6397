"""Runs that several modules report on."""

import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest

from compare import cli
from compare.report.sections import Run, sections
from compare.solvers.catalogue import solvers_of


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Solvers of a task on both splits, two seeds; less of another; small and short."""
    out = tmp_path_factory.mktemp("runs")
    solvers = "handcrafted,coordconv,argmax"
    two_seeds = ["--task", "onehot2coord", "--seeds", "2", "--solver", solvers]
    one_split = ["--task", "coord2image", "--split", "quadrant", "--solver", "coordconv,slicing"]
    for arguments in (two_seeds, one_split):
        always = ["--size", "16", "--epochs", "1", "-q", "--out", str(out)]
        assert cli.main(["run", *arguments, *always]) == 0
    return out


POSITIONS = {"train": np.array([[4, 4], [5, 9]]), "test": np.array([[11, 6]])}


@pytest.fixture
def made():
    """Return what makes a run up, as its directory would have it.

    (solver, **changes): of the arguments, of the recipe in `recipe`, and of what is known of the
    samples in `samples`; `started` orders equal runs, `error` is that of every sample.
    """

    def run(solver="conv", *, started="2020", error=0.0, recipe=(), samples=(), **arguments):
        task = arguments.get("task", "onehot2coord")
        spec = solvers_of(task).get(solver)
        published = spec.recipes["paper"].epochs if spec and spec.recipes else None
        default = asdict(spec.recipes[spec.preset]) if spec and spec.recipes else None
        record = {
            "arguments": {
                "task": task, "split": "uniform", "size": [12, 16], "solver": solver, "seed": 0,
                "recipe": default and {**default, **dict(recipe)}, "eval_sizes": [],
                "backend": "numpy", "device": "cpu", "precision": "float32", **arguments,
            },
            "status": "finished", "scores": {"train": {}, "test": {}},
            "timing": {"train_seconds": 1.5, "predict_microseconds": 2.0},
            "published_epochs": published,
            "environment": {"started": started},
            "cost": {"parameters": 7, "constants": 0, "multiply_adds": 99 if default else 0},
        }  # fmt: skip
        known = {}
        for part, positions in POSITIONS.items():
            known[f"{part}_position"] = positions
            known[f"{part}_prediction"] = positions + error
            known[f"{part}_error"] = np.full(len(positions), error)
        known = {
            name: array for name, array in {**known, **dict(samples)}.items() if array is not None
        }
        return Run(record, np.array([2.0, 1.0] if default else []), known, solver)

    return run


@pytest.fixture(scope="session")
def scored():
    """Return what gives a made-up run scores and a preset."""
    paper = {"name": "paper", "whose": "the log's", "changed": []}

    def give(run, exact=0.0, rounded=0.5, mean=2.0, success=False, preset=paper):
        scores = {"exact": exact, "rounded": rounded, "mean_error": mean, "worst_error": 3.0}
        record = {**run.record, "scores": {"test": scores, "train": scores}, "success": success}
        return replace(run, record={**record, "preset": preset})

    return give


@pytest.fixture
def section(made, scored):
    """A section of one task: by hand, computed and trained, two seeds and one."""
    (found,) = sections([
        *(
            scored(made(name, split=split), exact=1.0, rounded=1.0, mean=0.0, success=True)
            for name in ("handcrafted", "handcrafted-conv", "argmax")
            for split in ("uniform", "quadrant")
        ),
        scored(made("conv"), rounded=0.25),
        scored(made("conv", seed=1), rounded=0.75, success=True),
        scored(made("conv", split="quadrant")),
    ])  # fmt: skip
    return found


# --- A browser: Debian's chromium, without a window; apt-get install chromium chromium-driver ---

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync
--disable-dev-shm-usage"""
WINDOWS = {"desktop": (1280, "light"), "phone": (390, "dark")}


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A browser that is driven by commands."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def prefer(browser):
    """Return what makes the browser one of a reader who prefers light or dark.

    And no smooth scrolling, to wait for.
    """

    def set_(scheme):
        wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    return set_


@pytest.fixture
def resize(browser, prefer):
    """Return what gives the browser a window of the width of a desk or of a phone."""

    def set_(name):
        width, scheme = WINDOWS[name]
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        prefer(scheme)
        browser.get("about:blank")

    return set_


@pytest.fixture(params=WINDOWS)
def window(request, browser, resize):
    """The browser with each window; nothing may be logged."""
    resize(request.param)
    browser.get_log("browser")
    yield browser
    assert browser.get_log("browser") == []
