"""`compare export`: the file runs, and what cannot be written is refused."""

import numpy as np
import pytest


@pytest.mark.parametrize("task", ["onehot2coord", "coord2image", "two-objects"])
def test_export_writes_a_model_that_runs(task, compare, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from handcrafted.proofs.claims import CLAIMS

    file = tmp_path / "new" / "out.onnx"
    code, out, _ = compare("export", "--task", task, "--size", "41x50", str(file))
    assert code == 0
    assert f"written to {file}" in out
    claim = CLAIMS[task][0]
    cases = claim.cases(41, 50)[:7]
    session = onnxruntime.InferenceSession(str(file))
    (answers,) = session.run(None, {"input": claim.inputs(cases, 41, 50, np.float32)})
    assert (answers == claim.outputs(cases, 41, 50, np.float32)).all()


def test_export_without_onnx_names_the_command(compare, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, _, err = compare("export", "--task", "onehot2coord", str(tmp_path / "a.onnx"))
    assert code == 2
    assert "export needs onnx; run: pip install onnx" in err
