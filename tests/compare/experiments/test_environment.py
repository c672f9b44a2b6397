"""What a result also depends on: versions, machine, threads and commit."""

import os
import platform
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import scipy
from threadpoolctl import threadpool_limits

import compare.experiments.environment as environment_module
from compare.experiments.environment import _commit, cores, environment


def test_every_version_is_that_of_what_is_loaded():
    made = environment("numpy")
    assert (made["numpy"], made["scipy"]) == (np.__version__, scipy.__version__)
    assert made["python"] == platform.python_version()
    assert made["platform"] == platform.platform()
    assert made["handcrafted"]
    assert made["processor"]
    assert {"gpus", "commit", "modified"} <= made.keys()


def test_the_backends_library_is_among_them():
    found = find_spec("jax")  # which is not imported: it takes seconds
    if found is None:
        pytest.skip("no JAX here")
    version = runpy.run_path(str(Path(found.origin).with_name("version.py")))["__version__"]
    assert environment("jax")["jax"] == version
    assert "jax" not in environment("numpy")


def test_threads_are_those_that_blas_may_use_now():
    with threadpool_limits(1, user_api="blas"):
        made = environment("numpy")
    assert made["threads"] == 1
    assert "blas" in made["blas"].lower() or made["blas"] == ""


@pytest.mark.skipif(sys.platform != "linux", reason="affinities are Linux's")
def test_cores_are_those_that_this_process_may_use():
    allowed = os.sched_getaffinity(0)
    assert cores() == len(allowed)
    try:
        os.sched_setaffinity(0, [min(allowed)])
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_without_affinities_all_cores_count(monkeypatch):
    """As on macOS and Windows."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


@pytest.mark.parametrize(("system", "expected"), [("darwin", "M2"), ("win32", "machine")])
def test_without_proc_the_processor_has_a_name_still(monkeypatch, tmp_path, system, expected):
    def absent(*_, **__):
        raise FileNotFoundError

    script = '#!/bin/sh\n[ "$*" = "-n machdep.cpu.brand_string" ] && echo M2\n'
    (tmp_path / "sysctl").write_text(script)
    (tmp_path / "sysctl").chmod(0o755)
    environment_module._processor.cache_clear()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        elsewhere.setattr(platform, "processor", lambda: "")
        elsewhere.setattr(platform, "machine", lambda: "machine")
        elsewhere.setattr(environment_module, "open", absent, raising=False)
        elsewhere.setattr(environment_module.sys, "platform", system)
        assert environment_module._processor() == expected
    environment_module._processor.cache_clear()


def git(directory, *words):
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    answer = subprocess.run(
        ["git", "-C", str(directory), *identity, *words], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of its own in which the package lies, as far as its code is asked."""
    package = tmp_path / "compare"
    package.mkdir()
    (package / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    monkeypatch.setattr(environment_module, "__file__", str(package / "experiments" / "x.py"))
    _commit.cache_clear()
    yield tmp_path
    _commit.cache_clear()


def test_code_that_no_commit_holds_has_none(checkout):
    assert _commit() == {"commit": None, "modified": None}


def test_a_commit_and_whether_the_code_was_changed_since(checkout):
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "m")
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "untracked").write_text("says nothing about the code")
    assert _commit() == {"commit": commit, "modified": False}
    _commit.cache_clear()
    (checkout / "compare" / "__init__.py").write_text("changed = True")
    assert _commit() == {"commit": commit, "modified": True}


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "m")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert _commit() == {"commit": None, "modified": None}
