"""`bycatch export` on a saved score."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from bycatch.cli import main
from bycatch.score import make_score

pytest.importorskip("onnxscript")


def test_exports_a_saved_score(tmp_path):
    from bycatch.trigger.onnx_export import OnnxScore

    X = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    score = make_score("autoencoder", members=2, steps=20, rounds=2, hidden=(8,), n_latent=2)
    score.fit(X).save(tmp_path / "model")
    path = tmp_path / "a.onnx"
    command = ["export", str(tmp_path / "model"), "-o", str(path), "--member", "1"]
    result = CliRunner().invoke(main, [*command, "--threshold", "0.7"])
    assert result.exit_code == 0, result.output
    # 4-8-2-8-4: the products of one member.
    assert f"{4 * 8 + 8 * 2 + 2 * 8 + 8 * 4} multiplications" in result.stdout
    graph = OnnxScore(path)
    np.testing.assert_allclose(graph.score(X), score.score(X, members=[1]), rtol=1e-5)
    assert graph.notes["threshold"] == 0.7


def test_wrong_models_are_one_sentence(tmp_path):
    result = CliRunner().invoke(main, ["export", str(tmp_path)])
    assert result.exit_code == 2
    assert "holds no model" in result.stderr
