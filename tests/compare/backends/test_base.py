"""What backends share by default: the definitions of composed primitives, and the padding rule."""

import builtins
import io
import resource
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from scipy.special import log_softmax, softmax

from compare import backends
from compare.backends import same_padding, without_negligible
from compare.backends.base import SingleDevice, host_memory

NUMPY = backends.load("numpy")


class ByDefinition(SingleDevice):
    """The shared definitions over NumPy's functions, which NumPy's own backend overrides."""

    xp = NUMPY.xp


DEFINITIONS = ByDefinition()
BOTH = pytest.mark.parametrize("backend", [DEFINITIONS, NUMPY], ids=["definition", "numpy"])


def differentiated(function, **arrays):
    """Return the value of a scalar function of named arrays and its derivatives."""
    value, _, gradients = NUMPY.value_and_grad(lambda p: (function(**p), {}))(arrays)
    return value, gradients


@BOTH
def test_softmax_cross_entropy_is_scipys(backend):
    rng = np.random.default_rng(0)
    outputs, targets = 8 * rng.normal(size=(5, 2, 3, 2)), rng.integers(12, size=5)
    value, gradients = differentiated(
        lambda outputs: backend.softmax_cross_entropy(outputs, targets), outputs=outputs
    )
    rows = outputs.reshape(5, 12)
    chosen = log_softmax(rows, axis=1)[np.arange(5), targets]
    assert value == pytest.approx(-chosen.mean(), rel=1e-13)
    # The probabilities minus 1 at the target, over the number of samples.
    expected = (softmax(rows, axis=1) - np.eye(12)[targets]) / 5
    np.testing.assert_allclose(gradients["outputs"].reshape(5, 12), expected, atol=1e-13)


@BOTH
def test_batch_norm_is_pytorchs(backend):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, scale, shift = rng.normal(2, 3, (4, 3, 5, 2)), rng.normal(size=3), rng.normal(size=3)
    probe = rng.normal(size=x.shape)
    value, gradients = differentiated(
        lambda x, scale, shift: NUMPY.xp.sum(probe * backend.batch_norm(x, scale, shift, 0.3)[0]),
        x=x, scale=scale, shift=shift,
    )  # fmt: skip
    tensors = [torch.tensor(array, requires_grad=True) for array in (x, scale, shift)]
    outputs = torch.nn.functional.batch_norm(
        tensors[0], None, None, tensors[1], tensors[2], training=True, eps=0.3
    )
    (outputs * torch.tensor(probe)).sum().backward()
    assert value == pytest.approx((outputs.detach().numpy() * probe).sum(), rel=1e-12)
    for name, tensor in zip(("x", "scale", "shift"), tensors, strict=True):
        np.testing.assert_allclose(gradients[name], tensor.grad, rtol=1e-11, atol=1e-12)

    result, mean, variance = backend.batch_norm(x, scale, shift, 0.3)
    np.testing.assert_allclose(result, outputs.detach(), rtol=1e-12)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(variance, x.var(axis=(0, 2, 3)), rtol=1e-12)


def test_negligible_logits_are_raised_to_minus_55():
    logits = np.array([0.0, -54.9, -55.0, -55.1, -1e30, -np.inf, np.nan])
    expected = [0.0, -54.9, -55.0, -55.0, -55.0, -55.0, np.nan]
    np.testing.assert_array_equal(without_negligible(np, logits), expected)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "zeros"),
    [
        # An odd zero goes to the end.
        (5, 1, 1, (0, 0)), (5, 2, 1, (0, 1)), (5, 3, 1, (1, 1)), (5, 4, 1, (1, 2)),
        # Stride 2: an even side needs kernel - 2 zeros, an odd one kernel - 1.
        (6, 3, 2, (0, 1)), (5, 3, 2, (1, 1)), (6, 5, 2, (1, 2)), (5, 5, 2, (2, 2)),
        # 7 by 3 is rounded up to 3 windows, which reach over 6 + kernel.
        (7, 3, 3, (1, 1)), (8, 2, 3, (0, 0)), (7, 2, 3, (0, 1)),
        # A kernel smaller than its stride may need none.
        (6, 1, 2, (0, 0)), (1, 1, 5, (0, 0)), (4, 1, 4, (0, 0)),
    ],
)  # fmt: skip
def test_padding_by_hand(size, kernel, stride, zeros):
    assert same_padding(size, kernel, stride) == zeros


def test_a_backend_alone_is_the_only_and_the_first():
    assert (DEFINITIONS.shards, DEFINITIONS.first) == (1, True)
    assert DEFINITIONS.shard("rows") == (DEFINITIONS, "rows")
    assert DEFINITIONS.average(3.5) == 3.5
    assert DEFINITIONS.broadcast(b"value") == b"value"
    assert DEFINITIONS.about() == {}


@pytest.fixture
def kernel(monkeypatch):
    """Let the kernel's files be those of a table, 9 KiB be free, and the process have no limits."""
    files = {}

    def opened(path, **_):
        if path not in files:
            raise FileNotFoundError
        return io.StringIO(files[path])

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=9 * 1024))
    nothing = SimpleNamespace(memory_info=SimpleNamespace)
    monkeypatch.setattr(psutil, "Process", lambda: nothing)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    return files


def test_free_memory_is_what_the_system_says(kernel):
    assert host_memory() == 9 * 1024


def test_free_memory_needs_neither_proc_nor_limits(kernel, monkeypatch):
    """As on Windows, which has no module `resource`."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert host_memory() == 9 * 1024


@pytest.mark.parametrize(("limit", "field"), [("RLIMIT_AS", "vms"), ("RLIMIT_DATA", "data")])
def test_free_memory_ends_at_the_limits_of_the_process(kernel, monkeypatch, limit, field):
    taken = SimpleNamespace(memory_info=lambda: SimpleNamespace(**{field: 5 * 1024}))
    monkeypatch.setattr(psutil, "Process", lambda: taken)
    kind = getattr(resource, limit)
    own = {kind: (7 * 1024, resource.RLIM_INFINITY)}
    none = (resource.RLIM_INFINITY,) * 2
    monkeypatch.setattr(resource, "getrlimit", lambda asked: own.get(asked, none))
    assert host_memory() == 2 * 1024
    own[kind] = (4 * 1024, resource.RLIM_INFINITY)  # lowered after more was taken
    assert host_memory() == 0


GROUPS = {
    2: ("0::/jobs/42\n", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    1: (
        "9:name=systemd:/x\n4:cpu,memory:/jobs/42\n0::/\n",
        *("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        "total_inactive_file",
    ),
}


@pytest.mark.parametrize("version", GROUPS)
def test_free_memory_ends_at_the_limits_of_control_groups(kernel, version):
    groups, root, limit, usage, cache = GROUPS[version]
    kernel["/proc/self/cgroup"] = groups
    for folder, most in ((f"{root}/jobs/42", "max"), (f"{root}/jobs", "5000")):
        kernel[f"{folder}/{limit}"] = f"{most}\n"
        kernel[f"{folder}/{usage}"] = "4000\n"
        kernel[f"{folder}/memory.stat"] = f"anon 3000\n{cache} 200\n"
    assert host_memory() == 5000 - 4000 + 200
    kernel[f"{root}/jobs/42/{limit}"] = "4100\n"  # the inner one is the tighter now
    assert host_memory() == 4100 - 4000 + 200


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("kernel", range(1, 6))
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_shrinks_by_the_stride_alone(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    assert 0 <= before <= after <= before + 1
    if kernel >= stride:
        assert (size + before + after - kernel) // stride + 1 == -(-size // stride)
