"""`compare results`: what is stored does not drive the terminal."""

import pytest

from compare.files import read_sealed_json
from compare.results.runs import write_failure

TEXT = "\x1b]0;title\x07\x1b[2Jbad\nworse \x9b31m\u202e"


@pytest.mark.parametrize("style", ["table", "csv", "markdown", "json"])
def test_escape_sequences_of_stored_texts_are_written_out(style, compare, tmp_path):
    run = ["run", "--task", "onehot2coord", "--solver", "argmax", "--split", "uniform"]
    assert compare(*run, "--size", "16", "--out", tmp_path)[0] == 0
    (made,) = tmp_path.iterdir()
    record = read_sealed_json(made / "run.json")
    name = "a\x1b[31mb"
    made.rename(tmp_path / name)
    (tmp_path / name / "run.json").unlink()
    failed = {key: record[key] for key in ("format", "arguments", "environment")}
    write_failure(tmp_path / name, {**failed, "status": "failed", "error": TEXT})
    (tmp_path / "c\x1b[31md").mkdir()
    (tmp_path / "c\x1b[31md" / "run.json").write_text("{}")
    code, out, err = compare("results", tmp_path, "--format", style)
    assert code == 0
    assert "bad" in out
    assert all(character.isprintable() or character == "\n" for character in out + err)
    assert r"c\x1b[31md/run.json is damaged" in err
    assert err.count("\n") == 1
