"""The interactive figure in a real browser."""

import random
import time

import pytest

from compare import cli

pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

LAST = 63
EDGES = [(0, 0), (LAST, 0), (0, LAST), (LAST, LAST), (31, 0), (31, LAST), (0, 31), (LAST, 31)]
_DRAWN = random.Random(0)
PIXELS = EDGES + [(_DRAWN.randrange(64), _DRAWN.randrange(64)) for _ in range(50)]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    arguments = [
        "--task",
        "onehot2coord",
        "--size",
        "16",
        "--split",
        "quadrant",
        "--solver",
        "handcrafted",
    ]
    assert cli.main(["run", *arguments, "--out", str(out / "runs")]) == 0
    page = out / "report.html"
    assert cli.main(["report", str(out / "runs"), "-o", str(page)]) == 0
    return page.as_uri()


@pytest.fixture
def page(window, address):
    """The page, with the figure unfolded."""
    window.get(f"{address}#try")
    return window


def choose(page, network):
    page.find_element(By.CSS_SELECTOR, f"input[value={network}]").click()


def click(page, x, y):
    """Click at the middle of a pixel, as a mouse does."""
    left, top, side = page.execute_script(
        "const bitmap = document.getElementById('bitmap');"
        "bitmap.scrollIntoView({block: 'center'});"
        "const box = bitmap.getBoundingClientRect(); return [box.left, box.top, box.width]"
    )
    where = {"x": left + (x + 0.5) * side / 64, "y": top + (y + 0.5) * side / 64}
    for kind in ("mousePressed", "mouseReleased"):
        event = {"type": kind, "button": "left", "clickCount": 1, **where}
        page.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def texts(page, *names):
    """Return what elements say, by id."""
    script = "return arguments[0].map(name => document.getElementById(name).innerText)"
    return tuple(page.execute_script(script, names))


def answer(page):
    return tuple(map(int, texts(page, "answer-x", "answer-y")))


@pytest.mark.parametrize("network", ["with", "without"])
def test_the_pixel_clicked_is_the_one_found(page, network):
    choose(page, network)
    for x, y in PIXELS:
        click(page, x, y)
        assert texts(page, "answer-x", "sum-x", "subtraction-x") == said(x)
        assert texts(page, "answer-y", "sum-y", "subtraction-y") == said(y)


def said(coordinate):
    total = 64 - coordinate
    return str(coordinate), str(total), f"64 \u2212 {total} = {coordinate}"


def near(page, axis, which):
    cells = page.find_elements(By.CSS_SELECTOR, f".row[data-axis={axis}] .{which}-near span")
    return [cell.text for cell in cells]


def test_the_maps_own_numbers_are_shown(page):
    click(page, 62, 10)
    # 64 A - X around the hot pixel, and beyond the right edge nothing.
    row = ["\u221260", "\u221261", "\u221262", "\u221263", "\u00b7"]
    hot = ["\u221260", "\u221261", "2", "\u221263", "\u00b7"]
    assert near(page, "x", "convolved") == [*row, *row, *hot, *row, *row]
    assert near(page, "x", "rectified")[10:15] == ["0", "0", "2", "0", "\u00b7"]
    choose(page, "without")
    # The trail of ones, from the hot pixel to the edge.
    assert near(page, "x", "convolved")[10:15] == ["0", "0", "1", "1", "\u00b7"]
    assert near(page, "y", "convolved")[2::5] == ["0", "0", "1", "1", "1"]
    words = page.find_element(By.ID, "explain").text
    assert "cuts off 62 of them to the right and 10 below" in words


def test_the_keyboard_is_enough(page):
    bitmap = page.find_element(By.ID, "bitmap")
    click(page, 20, 30)
    bitmap.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_UP)
    assert answer(page) == (22, 29)
    bitmap.send_keys(Keys.SHIFT, Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    assert answer(page) == (14, 37)
    bitmap.send_keys(Keys.NULL, Keys.END, Keys.PAGE_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert answer(page) == (63, 63)  # it stays on the canvas
    bitmap.send_keys(Keys.HOME, Keys.PAGE_UP, Keys.ARROW_LEFT)
    assert answer(page) == (0, 0)
    field = page.find_element(By.ID, "x")
    field.send_keys(Keys.CONTROL, "a", Keys.NULL, "57")
    assert answer(page) == (57, 0)
    field.send_keys(Keys.CONTROL, "a", Keys.NULL, "99")  # 9 is a column, 99 is none
    assert answer(page) == (9, 0)


def test_everything_can_be_reached_with_the_tab_key(page):
    reached = set()
    for _ in range(40):
        page.switch_to.active_element.send_keys(Keys.TAB)
        active = page.switch_to.active_element
        reached.add(active.get_attribute("id") or active.get_attribute("name"))
    assert {"network", "bitmap", "x", "y"} <= reached


def test_the_page_is_as_wide_as_the_window(page):
    width = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def test_all_of_a_task_is_within_six_screens(page, address):
    page.get("about:blank")
    page.get(address)
    height = page.execute_script("return document.documentElement.scrollHeight / innerHeight")
    assert height < 6


def test_dark_and_light_differ(browser, prefer, address):
    seen = set()
    for scheme in ("light", "dark"):
        prefer(scheme)
        browser.get(address)
        seen.add(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


def test_one_click_is_quick(page):
    choose(page, "without")
    started = time.perf_counter()
    click(page, 5, 6)
    assert answer(page) == (5, 6)
    assert time.perf_counter() - started < 2
