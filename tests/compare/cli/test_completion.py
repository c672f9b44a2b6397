"""`compare completion`: what a shell completes."""

import shutil
import subprocess

import pytest


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["re"], {"report"}),
        (["run", "--dry"], {"--dry-run"}),
        (["run", "--task", "onehot"], {"onehot2coord"}),
        (["run", "--solver", ""], {"handcrafted", "coordconv", "conv", "deconv", "argmax"}),
        (["run", "--preset", "p"], {"paper"}),
        (["run", "--backend", "n"], {"numpy"}),
    ],
)
def test_bash_completes(compare, tmp_path, typed, expected):
    _, script, _ = compare("completion", "bash")
    file = tmp_path / "compare.bash"
    file.write_text(script)
    words = " ".join(f"'{word}'" for word in ["compare", *typed])
    asked = (
        f"source {file}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; "
        '_shtab_compare; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    answer = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert expected <= set(answer.stdout.split())


def test_an_unknown_shell_is_refused(compare):
    code, out, errors = compare("completion", "cmd")
    assert (code, out) == (2, "")
    assert "unknown shell 'cmd'; choose from: bash, zsh, tcsh" in errors
