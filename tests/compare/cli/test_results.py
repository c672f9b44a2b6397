"""`compare results`: what is stored does not drive the terminal."""

import pytest

from compare.results.runs import write_failure

TEXT = "\x1b]0;title\x07\x1b[2Jbad\nworse \x9b31m\u202e"


@pytest.mark.parametrize("style", ["table", "csv", "markdown", "json"])
def test_escape_sequences_of_stored_texts_are_written_out(style, compare, tmp_path):
    (tmp_path / "a\x1b[31mb").mkdir()
    arguments = {"task": "onehot2coord", "solver": TEXT, "recipe": None, "size": [16, 16]}
    record = {"format": 4, "arguments": arguments, "status": "failed", "error": TEXT}
    write_failure(tmp_path / "a\x1b[31mb", record)
    (tmp_path / "c\x1b[31md").mkdir()
    (tmp_path / "c\x1b[31md" / "run.json").write_text("{}")
    code, out, err = compare("results", tmp_path, "--format", style)
    assert code == 0
    assert "bad" in out
    assert all(character.isprintable() or character == "\n" for character in out + err)
    assert r"c\x1b[31md/run.json is damaged" in err
    assert err.count("\n") == 1
