"""The report from runs on disk: what a reader finds in it, and what is refused."""

import re

import pytest

from compare import cli
from compare.report.page import page
from compare.report.plots import all_plots
from compare.report.sections import read_runs, sections


@pytest.fixture(scope="module")
def report(runs, tmp_path_factory):
    """The page and the directory of figures, as the command writes them."""
    out = tmp_path_factory.mktemp("report")
    page_, figures = out / "report.html", out / "figures"
    assert cli.main(["report", str(runs), "-o", str(page_), "--figures", str(figures)]) == 0
    return page_.read_text(), figures


def test_the_page_refers_to_nothing_outside_itself(report):
    html, _ = report
    assert "default-src 'none'" in html
    loaded = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"', html)
    linked = ("#", "data:", "https://arxiv.org/abs/", "https://blog.piekniewski.info/")
    assert all(target.startswith(linked) for target in loaded), loaded
    assert not re.search(r"<(link|script|iframe|img)[^>]+(http|//)", html)
    assert "@import" not in html
    assert "fetch(" not in html


def test_a_reader_finds_every_part(report):
    html, _ = report
    for part in (
        "Did that network have to be trained?",
        "The data",
        "onehot2coord: a bitmap with one hot pixel",
        "coord2image: (x, y) to the picture",
        "The table, quadrant split",
        "How the solvers compare",
        "Correct, of all 64 positions: handcrafted 64;",
        "handcrafted (and argmax) minus coordconv, over 2 seeds: exact +100.0 points",
        "<small>preset paper (the authors&#39; log, its only point), 1 of 100 published epochs, "
        "unfinished; seeds 0 to 1</small>",
        "Every run: 8",
        "coordconv: preset quick (ours), 1 of 50 published epochs, unfinished.",
        "Try it: the four steps, live",
        "Do it again",
    ):
        assert part in html, part
    # Exact without a learned number, in the table and in words.
    row = re.search(r"</span>handcrafted</th>(<td data-label=\"exact\".*)</tr>", html)
    assert re.findall(r">([^<]+)</td>", row[1]) == ["100 %", "100 %", "0", "0"]
    assert "handcrafted, nothing learned: exact at all held-out positions, uniform and" in html


def test_the_page_answers_in_order_and_folds_the_rest(report):
    html, _ = report
    order = [
        html.index(text)
        for text in (
            "Autopsy of a deep learning paper",
            "<dt>By hand</dt>",
            "<dt>Trained</dt>",
            "<dt>Repeat it</dt>",
            'aria-label="Summary of',
            '<figure id="point">',
            "<details><summary>Every score",
            "<details><summary>Every run",
            "<details><summary>How the solvers compare",
            "<details><summary>The pictures",
        )
    ]
    assert order == sorted(order)
    assert html.count('aria-label="Summary of') == 2  # one for each task


def test_every_figure_is_in_the_page_and_a_vector_and_pixels(report, runs):
    html, directory = report
    names = [plot.name for plot in all_plots(sections(read_runs(runs)[0]))]
    assert {"point", "data-16x16", "onehot2coord-16x16-quadrant-errors"} < set(names)
    assert "coord2image-16x16-quadrant-predictions" in names
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        f"{name}.{ending}" for name in names for ending in ("svg", "png")
    )
    for name in names:
        assert f'<figure id="{name}">' in html
        assert (directory / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (directory / f"{name}.svg").read_text()
    assert html.count("<svg") == len(names)


def test_a_page_without_all_figures_says_so_and_files_have_them_all(
    runs, tmp_path, monkeypatch, report
):
    html, every = report
    assert "draws them all" not in html
    monkeypatch.setattr("compare.report.plots.MOST_SHOWN", 2)
    file, directory = tmp_path / "report.html", tmp_path / "figures"
    arguments = [str(runs), "-o", str(file), "--figures", str(directory)]
    assert cli.main(["report", *arguments]) == 0
    html, count = file.read_text(), len(list(every.glob("*.svg")))
    assert html.count("<svg") == 2
    assert f"This page has 2 of {count} figures; " in html
    assert sorted(each.name for each in directory.iterdir()) == sorted(
        each.name for each in every.iterdir()
    )


def test_figures_in_the_page_take_its_ink(report):
    html, directory = report
    assert "#1b1b1f" in (directory / "point.svg").read_text()
    drawings = "".join(re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL))
    assert "#1b1b1f" not in drawings
    assert "currentColor" in drawings
    # Letters are text, which can be searched; in files of figures they are drawn.
    assert re.search(r"<text [^>]*>worst|<text [^>]*>x \(pixels\)</text>", drawings)
    assert "<text" not in (directory / "point.svg").read_text()


def test_the_same_runs_give_the_same_page(runs):
    found = sections(read_runs(runs)[0])
    assert found[0].task.name == "onehot2coord"
    found = found[1:]
    assert page(found, [], "runs") == page(found, [], "runs")


@pytest.mark.parametrize("make", [False, True])
def test_no_runs_is_refused_on_one_line(tmp_path, capsys, make):
    place = tmp_path / "nothing"
    if make:
        place.mkdir()
    out = tmp_path / "new" / "report.html"
    assert cli.main(["report", str(place), "-o", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(place) in captured.err
    assert captured.err.count("\n") == 1
    assert not out.parent.exists()


def test_a_directory_is_no_page(runs, tmp_path, capsys):
    assert cli.main(["report", str(runs), "-o", str(tmp_path)]) == 2
    assert "a directory" in capsys.readouterr().err
