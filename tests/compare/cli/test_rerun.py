"""`compare rerun`: what is no run is refused, whatever its name."""

import pytest


@pytest.mark.parametrize("name", ["absent", "x" * 300, "caf\udce9", "a/run.json", "\x1b[31m"])
def test_what_is_no_run_is_one_line(name, compare, tmp_path):
    code, out, err = compare("rerun", tmp_path / name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is not a finished run; 'compare results' lists them" in err
    assert err.isascii()
    assert "\x1b" not in err
