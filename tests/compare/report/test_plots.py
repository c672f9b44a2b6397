"""What the figure that makes the point says of computed weights."""

from compare import cli
from compare.report.plots import point
from compare.report.sections import read_runs, sections


def captioned(out, solvers):
    command = ["run", "--quiet", "--task", "onehot2coord", "--size", "16", "--split", "quadrant"]
    assert (
        cli.main(
            [*command, "--solver", solvers, "--epochs", "1", "--seeds", "1", "--out", str(out)]
        )
        == 0
    )
    (section,) = sections(read_runs(out)[0])
    return point(section)


def test_the_same_networks_computed_are_named_and_not_drawn(tmp_path):
    assert captioned(tmp_path, "handcrafted-conv") is None
    plot = captioned(tmp_path, "handcrafted,handcrafted-coordconv,conv")
    assert (
        " The same networks with computed weights, handcrafted-coordconv, handcrafted-conv, have "
        "no error." in plot.caption
    )
    titles = [
        ax.get_title().replace(",", ":").split(":")[0]
        for sub in plot.draw().subfigs
        for ax in sub.axes
    ]
    assert [title for title in titles if title in ("handcrafted", "conv", "handcrafted-conv")] == [
        "handcrafted", "conv",
    ]  # fmt: skip
