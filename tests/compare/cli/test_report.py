"""`compare report`: runs without a network, and paths that are no text."""

import os


def test_runs_of_closed_forms_alone_have_a_page(compare, tmp_path):
    # A name that is not UTF-8, in the directory and in the page's.
    out = tmp_path / os.fsdecode(b"caf\xe9")
    run = ["run", "--task", "onehot2coord", "--solver", "argmax", "--split", "uniform"]
    assert compare(*run, "--size", "16", "--out", out)[0] == 0
    page = tmp_path / os.fsdecode(b"caf\xe9.html")
    code, printed, err = compare("report", out, "-o", page)
    assert (code, err) == (0, "")
    assert r"caf\udce9.html" in printed
    html = page.read_text(encoding="utf-8")
    assert "argmax" in html
    assert r"caf\udce9" in html
