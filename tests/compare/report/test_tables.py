"""The tables of the page, and what a reader may do with them in a real browser."""

from dataclasses import replace
from pathlib import Path

import pytest

from compare import cli
from compare.report.page import page
from compare.report.sections import read_runs, sections
from compare.report.tables import every_run, summary, table


def test_the_summary_has_a_row_for_each_split_and_solver(section):
    found = summary(section)
    assert found.header == ("solver", "split", "learned", "rounded", "mean error px", "success")
    by_name = {(row[0][0], row[1][0]): row for row in found.rows}
    assert len(found.rows) == len(by_name) == 8
    (_, how), *cells = by_name["conv", "uniform"]
    assert cells == [
        ("uniform", ""), ("7", ""), ("50 %", "(25 %..75 %)"), ("2.00", ""), ("1 of 2", ""),
    ]  # fmt: skip
    assert how == "preset paper (the log's), 100 of 100 published epochs; seeds 0 to 1"
    assert by_name["conv", "quadrant"][0][1].endswith("; seed 0")
    assert by_name["argmax", "quadrant"][0] == ("argmax", "")
    assert [cell for cell, _ in by_name["handcrafted", "uniform"][3:]] == ["100 %", "0", "yes"]


def test_what_was_not_run_has_no_row(made, scored):
    (found,) = sections([scored(made()), scored(made("argmax", split="quadrant"))])
    assert [(row[0][0], row[1][0]) for row in summary(found).rows] == [
        ("conv", "uniform"), ("argmax", "quadrant"),
    ]  # fmt: skip


def test_every_run_has_a_row_and_names_its_directory(made, scored):
    diverged = scored(made("conv", seed=1))
    diverged = replace(diverged, record={**diverged.record, "status": "diverged"})
    named = replace(scored(made("argmax"), exact=1.0, success=True), folder=Path("a/b"))
    (found,) = sections([named, diverged, scored(made("conv"))])
    content = every_run(found)
    assert content.header == (
        "solver", "split", "seed", "exact", "rounded", "mean error px", "worst error px",
        "success", "train s",
    )  # fmt: skip
    assert [[text for text, _ in row] for row in content.rows] == [
        ["conv", "uniform", "0", "0 %", "50 %", "2.00", "3.00", "no", "1.50"],
        ["conv", "uniform", "1", "0 %", "50 %", "2.00", "3.00", "diverged", "1.50"],
        ["argmax", "uniform", "", "100 %", "50 %", "2.00", "3.00", "yes", ""],
    ]
    assert content.rows[2][0] == ("argmax", "b")


def test_ranges_are_small_and_sums_stay_last():
    cells = [("solver", "s"), ("a", "1 (0..2)"), ("b", "3"), ("all", "4")]
    content = table("costs", cells, foot=1)
    assert content.rows == ((("a", ""), ("1", "(0..2)")), (("b", ""), ("3", "")))
    assert content.foot == ((("all", ""), ("4", "")),)


def test_what_no_row_has_is_no_column(made, scored):
    content = table("costs", [("solver", "s", "J", "kJ"), ("a", "", "0", ""), ("b", "", "", "")])
    assert content.header == ("solver", "J")
    assert content.rows == ((("a", ""), ("0", "")), (("b", ""), ("", "")))
    (found,) = sections([scored(made("argmax"))])
    assert {"seed", "train s"}.isdisjoint(every_run(found).header)


# --- In a browser ---------------------------------------------------------------------------

RUNS = 200


def many(runs):
    """Return 200 runs: those of a directory, and the same with other seeds and rates."""
    found, _ = read_runs(runs)
    trained = [run for run in found if run.arguments["recipe"]]
    while len(found) < RUNS:
        run, number = trained[len(found) % len(trained)], len(found)
        recipe = {**run.arguments["recipe"], "learning_rate": (0.001, 0.01)[number % 2]}
        arguments = {**run.arguments, "seed": number, "recipe": recipe}
        found.append(replace(run, record={**run.record, "arguments": arguments}))
    return sections(found)


@pytest.fixture(scope="module")
def address(runs, tmp_path_factory):
    """The page of these without its figures, which take long to draw."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("plots", "points", "data_plots"):
            patch.setattr(f"compare.report.page.{name}", lambda _: [])
        file.write_text(page(many(runs), [], "runs"))
    return file.as_uri()


@pytest.fixture
def opened(window, address):
    window.get(address)
    return window


def column(browser, title, number):
    """Return what the rows of a table that are shown have in a column, as they stand."""
    script = """
        const table = document.querySelector(`[aria-label="${arguments[0]}"] table`);
        return [...table.tBodies[0].rows].filter(row => row.offsetHeight > 0)
            .map(row => row.cells[arguments[1]].innerText.split("\\n")[0].trim());"""
    return browser.execute_script(script, title, number)


def unfold(browser, text="Every run"):
    browser.execute_script(
        "[...document.querySelectorAll('details')].filter("
        "fold => fold.innerText.startsWith(arguments[0])).forEach(fold => fold.open = true)",
        text,
    )


TITLE = "Every run of onehot2coord"


def press(browser, name, keys=None):
    """Press the button of a column; by the keyboard, if keys are given."""
    path = f'//*[@aria-label="{TITLE}"]//button[.="{name}"]'
    button = browser.find_element("xpath", path)
    button.send_keys(keys) if keys else button.click()
    return button.find_element("xpath", "..").get_attribute("aria-sort")


def test_a_table_is_sorted_by_a_click_or_a_key(opened):
    unfold(opened)
    before = column(opened, TITLE, 2)
    assert press(opened, "seed") == "ascending"
    seeds = column(opened, TITLE, 2)
    known = [seed for seed in seeds if seed]
    assert sorted(map(int, known)) == list(map(int, known))
    assert len(known) > 100
    assert not any(seeds[len(known) :])  # what learns nothing has no seed, and is last
    assert press(opened, "seed", "\n") == "descending"
    again = column(opened, TITLE, 2)
    assert again == [*known[::-1], *seeds[len(known) :]]
    assert press(opened, "mean error px", " ") == "ascending"
    marked = opened.execute_script("return document.querySelectorAll('[aria-sort]').length")
    assert marked == 1
    assert sorted(before) == sorted(column(opened, TITLE, 2))


def test_numbers_are_sorted_as_numbers(opened):
    """Shares, thousands, powers of ten and bounds; what is not known comes last."""
    texts = ["9 %", "<0.1 %", "100 %", ">99.9 %", "-", "0 %", "12.5 %", "1,200", "3e-03", "inf"]
    expected = ["0 %", "3e-03", "<0.1 %", "9 %", "12.5 %", ">99.9 %", "100 %", "1,200", "inf", "-"]
    unfold(opened)
    opened.execute_script(
        """const body = document.querySelector(`[aria-label="${arguments[0]}"] table`).tBodies[0];
        [...body.rows].slice(arguments[1].length).forEach(row => row.remove());
        arguments[1].forEach((text, n) => { body.rows[n].cells[3].firstChild.data = text; });""",
        TITLE,
        texts,
    )
    press(opened, "exact")
    assert column(opened, TITLE, 3) == expected
    press(opened, "exact")
    assert column(opened, TITLE, 3) == [*expected[-2::-1], "-"]


def test_rows_are_filtered_by_words_and_by_choice(opened):
    unfold(opened)
    every = column(opened, TITLE, 0)
    filter_ = opened.find_element("css selector", f'.filter:has(+ [aria-label="{TITLE}"])')
    count = filter_.find_element("css selector", "output")
    assert count.text == f"{len(every)} rows"
    words = filter_.find_element("css selector", "input")
    words.send_keys("ARGMAX quadrant")
    assert column(opened, TITLE, 0) == ["argmax"]
    assert count.text == f"1 of {len(every)} rows"
    words.clear()
    words.send_keys("coordconv")
    split = filter_.find_element("xpath", ".//label[starts-with(., 'split')]/select")
    split.send_keys("uniform")
    chosen = column(opened, TITLE, 1)
    assert set(chosen) == {"uniform"}
    assert 0 < len(chosen) < len(every)
    # What is filtered stays filtered when it is sorted.
    press(opened, "seed")
    assert column(opened, TITLE, 1) == chosen
    words.send_keys(" nothing has this")
    assert column(opened, TITLE, 0) == []
    words.clear()
    words.send_keys(" ")
    split.send_keys("all")
    assert len(column(opened, TITLE, 0)) == len(every)


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory):
    """Pages of little: by hand, nothing learned; and a task without positions."""
    out = tmp_path_factory.mktemp("pages")
    digits = ["--task", "classification", "--split", "disjoint", "--solver", "conv"]
    digits += ["--epochs", "1", "--seeds", "1", "-q", "--out", str(out / "digits")]
    assert cli.main(["run", *digits]) == 0
    fixed = [run for run in read_runs(runs)[0] if run.solver == "handcrafted"]
    files = []
    for name, found in (("fixed", fixed), ("digits", read_runs(out / "digits")[0])):
        file = out / f"{name}.html"
        file.write_text(page(sections(found), [], "runs"))
        files.append(file.as_uri())
    return files


def test_pages_of_little_have_no_empty_part(window, pages):
    for each in pages:
        window.get(each)
        unfold(window, "")
        assert empty(window) == []
        assert cut(window) == []
    # The pictures of digits have no positions, so there are none to show.
    assert not window.find_elements("id", "data")
    assert not window.find_elements("css selector", "[href='#data']")


def test_without_scripts_all_rows_are_there_and_nothing_that_is_dead(window, pages):
    window.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        window.get(pages[0])
        for selector in ("#try", "thead button", ".filter", "[href='#try']"):
            assert not any(
                each.is_displayed() for each in window.find_elements("css selector", selector)
            )
        row = window.find_element("css selector", "tbody tr")
        assert row.is_displayed()
        assert "handcrafted" in row.text
    finally:
        window.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def empty(browser):
    """Return the folds, headings and lists of a page that have nothing in or below them."""
    return browser.execute_script(
        """const bad = [];
        for (const fold of document.querySelectorAll("details")) {
          const summary = fold.querySelector("summary").innerText;
          if (fold.innerText.trim() === summary.trim()) bad.push(summary);
        }
        for (const heading of document.querySelectorAll("h2, h3, h4, dt")) {
          const next = heading.nextElementSibling;
          const above = next && /^H[1-6]$/.test(next.tagName) && next.tagName <= heading.tagName;
          const drawn = next && (next.matches("canvas") || next.querySelector("svg, canvas"));
          if (!next || above || !(next.innerText.trim() || drawn)) bad.push(heading.innerText);
        }
        for (const list of document.querySelectorAll("ul, ol, dl, tbody")) {
          if (!list.children.length) bad.push(list.outerHTML);
        }
        return bad"""
    )


def cut(browser):
    """Return the tables that do not fit, and "page" if it does not."""
    return browser.execute_script(
        """const boxes = [...document.querySelectorAll(".scroll:has(> table)")]
          .filter(box => box.scrollWidth > box.clientWidth || box.clientWidth === 0)
          .map(box => box.getAttribute("aria-label"));
        if (document.documentElement.scrollWidth > innerWidth) boxes.push("page");
        return boxes"""
    )


def test_a_figure_is_enlarged_by_a_tap_or_a_key(browser, resize, pages):
    resize("phone")
    browser.get(pages[0])
    unfold(browser, "")
    plot = browser.find_element("css selector", ".plot.wide")
    script = "return arguments[0].scrollWidth > arguments[0].clientWidth"
    assert not browser.execute_script(script, plot)
    plot.click()
    assert browser.execute_script(script, plot)
    plot.send_keys("\n")
    assert not browser.execute_script(script, plot)


def test_a_page_of_200_runs_opens_fast_and_fits(browser, resize, runs, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(page(many(runs), [], "runs"))
    for name in ("desktop", "phone"):
        resize(name)
        browser.get(file.as_uri())
        # About half a second; the limit is for a machine that is busy with other tests.
        timing = "return performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
        assert 0 < browser.execute_script(timing) < 4
        assert browser.execute_script("return document.querySelectorAll('*').length") < 30_000
        unfold(browser, "")
        assert cut(browser) == []
        assert empty(browser) == []
        figures = """return [...document.querySelectorAll(".plot")]
            .filter(plot => plot.scrollWidth > plot.clientWidth).length"""
        assert browser.execute_script(figures) == 0
        # On a phone a row is a card, whose cells say what they are.
        cell = "const cell = document.querySelector('.data td'); return "
        label = browser.execute_script(f"{cell} getComputedStyle(cell, '::before').content")
        assert label == ('"split"' if name == "phone" else "none")
