"""The report on generators."""

import numpy as np
import pytest

from compare import cli
from compare.learned.model import Model
from compare.report.generated import generated
from compare.report.page import page
from compare.report.plots import plots
from compare.report.sections import read_runs, sections
from compare.tasks import two_objects as task


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    small = ["--epochs", "2", "--scenes", "8", "--batch", "4", "--channels", "2", "--seeds", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "EVALUATED", 20)
        words = ["run", "--task", "two-objects", "--solver", "handcrafted,gan,coordconv-g"]
        assert cli.main([*words, *small, "-q", "--out", str(out)]) == 0
        found, complaints = read_runs(out)
        assert not complaints
        (section,) = sections(found)
        yield section


def test_there_are_samples_positions_and_training(section):
    names, captions, draw = zip(*generated(section), strict=True)
    assert names == ("all-samples", "all-positions", "all-training")
    trainings = "4 of 156,250 published steps, unfinished."
    assert all(caption.endswith(trainings) for caption in captions)
    assert all(
        " gan, coordconv-g: preset quick (ours: as paper, " in caption for caption in captions
    )
    panels = [ax.get_title() for ax in draw[0]().axes if ax.images]
    assert [title.replace("\n", " ") for title in panels] == [
        "real scenes",
        "handcrafted",
        "gan, 4 of 156,250 steps",
        "gan, the batch's statistics",
        "coordconv-g, 4 of 156,250 steps",
    ]
    maps = [ax.get_title() for ax in draw[1]().axes if ax.images]
    assert maps[1] == "handcrafted\n20 scenes"
    curves = draw[2]().axes
    assert [ax.get_xlabel() for ax in curves] == ["step"] * 3
    # Two seeds and their median for each of the two that learn.
    assert [len(ax.lines) for ax in curves] == [6] * 3
    assert curves[0].lines[0].get_xdata().tolist() == [2, 4]


def test_other_tasks_generate_nothing(made):
    (other,) = sections([made()])
    assert list(generated(other)) == []


def test_the_page_shows_them_and_concludes_nothing_of_too_few_scenes(section):
    names = [plot.name for plot in plots(section)]
    assert names[:2] == ["two-objects-50x50-all-samples", "two-objects-50x50-all-positions"]
    assert not any(name.endswith("cost") for name in names)
    html = page([section], [], "runs")
    assert "4 of 156,250 published steps, unfinished" in html
    assert "Nothing is concluded about gan, coordconv-g: 40 px is below 5 %" in html
    assert "gan minus" not in html


def test_samples_are_those_of_the_stored_weights(section):
    from compare.report.generated import _model

    run = next(run for run in section.runs if run.solver == "coordconv-g")
    latents = task.samples(20, 50, 50).inputs()
    judged = task.Judge(50, 50).judge(_model(section, run).predict(latents))
    assert np.array_equal(judged["objects"], run.samples["test_objects"])


def test_by_the_batchs_statistics_a_picture_depends_on_its_batch(section):
    from compare.report.generated import _model

    run = next(run for run in section.runs if run.solver == "gan")
    model = _model(section, run)
    assert isinstance(model, Model)
    latents = task.samples(8, 50, 50).inputs()
    for predict, depends in ((model.predict, False), (model.predict_by_batch, True)):
        whole, half = predict(latents)[:4], predict(latents[:4])
        assert np.allclose(whole, half, atol=1e-5) != depends
