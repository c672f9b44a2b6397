"""`compare list`: what there is."""


def test_list_shows_what_there_is(compare):
    code, out, _ = compare("list")
    assert code == 0
    for name in ("onehot2coord", "handcrafted", "coordconv", "conv", "argmax", "numpy"):
        assert name in out
    words = " ".join(out.split())
    assert "preset paper (the authors' log, its only point): 100 epochs, the default" in words
    assert "preset quick (ours): 1 epoch, the default" in words
    code, out, _ = compare("list", "--devices")
    assert code == 0
    assert "numpy    devices: cpu" in out
