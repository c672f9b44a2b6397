"""`compare list`: what there is."""


def test_list_shows_what_there_is(compare):
    code, out, _ = compare("list")
    assert code == 0
    for name in ("onehot2coord", "handcrafted", "coordconv", "conv", "argmax", "numpy"):
        assert name in out
    words = " ".join(out.split())
    assert "preset paper (the authors' log, its only point): 100 epochs, about " in words
    assert "preset quick (ours): 1 epoch, about " in words
    assert " a seed, the default" in words
    assert "Times are estimates for NumPy on 2 cores (" in words


def test_every_preset_has_a_time_and_no_other():
    from compare import tasks
    from compare.solvers.catalogue import preset_times, solvers_of

    offered = {
        task: {name: set(spec.recipes) for name, spec in solvers_of(task).items() if spec.recipes}
        for task in tasks.BUILT_IN
    }
    times = preset_times()["seconds"]
    found = {task: {name: set(each) for name, each in own.items()} for task, own in times.items()}
    assert found == {task: own for task, own in offered.items() if own}


def test_devices_are_asked_for(compare):
    code, out, _ = compare("list", "--devices")
    assert code == 0
    assert "numpy    devices: cpu" in out
