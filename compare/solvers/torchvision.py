"""ResNet-50, as torchvision has it, on a folder of pictures; with and without coordinates."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from compare.backends.torch import TorchBackend
from compare.datasets import Dataset
from compare.datasets.folder import Folder, open_folder, require_few, unreadable
from compare.datasets.streams import random_stream
from compare.errors import UsageError
from compare.learned import streaming
from compare.learned.layers import coordinates
from compare.learned.model import Cost, History
from compare.learned.recipe import Recipe
from compare.learned.training import Progress

__all__ = [
    "FRONT",
    "NEEDED",
    "NETWORK",
    "PREDICTED",
    "Coordinates",
    "PictureModel",
    "Torchvision",
    "Variant",
    "models",
    "multiply_adds",
    "network",
]

NETWORK = "resnet50"
"""The function of `torchvision.models` that builds the network."""

FRONT = 8
"""Channels of the CoordConv layer in front, as in the paper."""

Variant = str
"""`conv`: the network as it is. `coordconv`: one 1x1 CoordConv layer in front, whose output the
first convolution takes. `coordconv-first`: the coordinates go into the first convolution. Both
have x, y and the radius."""


class Coordinates(nn.Module):
    """Appends x, y and the radius, each from -1 to 1 but for the radius, to (n, c, h, w) maps."""

    def __init__(self, height: int, width: int) -> None:
        """Compute them for maps of these sides."""
        super().__init__()
        channels = torch.tensor(coordinates(height, width, radius=True), dtype=torch.float32)
        self.register_buffer("channels", channels, persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Append the channels."""
        given = self.get_buffer("channels").to(maps.dtype).expand(len(maps), -1, -1, -1)
        return torch.cat([maps, given], dim=1).contiguous(memory_format=torch.channels_last)


def network(variant: Variant, classes: int, size: tuple[int, int], seed: int) -> nn.Module:
    """Build the network with the seed's first weights.

    Whatever has the same shape in two variants begins with the same weights. Those of each layer
    are drawn as PyTorch and torchvision draw them.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_torch_seed(seed, "weights"))
        found: nn.Module = getattr(models(), NETWORK)(num_classes=classes)
        if variant == "conv":
            return found
        torch.manual_seed(_torch_seed(seed, "front weights"))
        first: Any = found.conv1
        assert isinstance(first, nn.Conv2d)
        channels = 6 if variant == "coordconv-first" else FRONT
        shape: dict[str, Any] = {
            name: getattr(first, name) for name in ("kernel_size", "stride", "padding")
        }
        found.conv1 = nn.Conv2d(channels, first.out_channels, bias=False, **shape)
        nn.init.kaiming_normal_(found.conv1.weight, mode="fan_out", nonlinearity="relu")
        front = [nn.Conv2d(6, FRONT, 1)] if variant == "coordconv" else []
    return nn.Sequential(Coordinates(*size), *front, found)


def _torch_seed(seed: int, purpose: str) -> int:
    return int(random_stream(seed, purpose).integers(1 << 63))


def models() -> Any:
    """Import `torchvision.models`.

    torchvision from PyPI cannot load its compiled operators beside a PyTorch for CPUs, and then
    fails as it declares what they return. None of them is used here, so they are named first.
    """
    if "torchvision" not in sys.modules:
        try:
            import torchvision
        except RuntimeError as error:
            if "operator torchvision::" not in str(error):
                raise
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
            for name in ("nms", "qnms"):
                _NAMES.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    return torchvision.models


_NAMES: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]

NEEDED = (
    "a folder of pictures needs PyTorch, torchvision and Pillow; run: "
    "pip install 'handcrafted[imagenet]'"
)


@dataclass(frozen=True, eq=False)
class PictureModel:
    """A trained network: it predicts the probabilities of the classes."""

    network: nn.Module
    size: tuple[int, int]
    backend: TorchBackend
    history: History = field(default_factory=History)

    @cached_property
    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Every parameter, and every batch norm's statistics, under PyTorch's names."""
        state = self.network.state_dict()
        return {name: array.detach().cpu().numpy() for name, array in state.items()}

    @cached_property
    def cost(self) -> Cost:
        """What the network is made of, and what one picture costs it."""
        learned = sum(p.numel() for p in self.network.parameters())
        return Cost(learned, 0, multiply_adds(self.network, self.size))

    def predict(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Return the probabilities of the classes, (n, classes); inputs: (n, 3, h, w) uint8."""
        device = self.backend.torch_device
        self.network.eval()
        answers = []
        with torch.inference_mode(), streaming.autocast(self.backend):
            for start in range(0, len(inputs), PREDICTED):
                part = np.ascontiguousarray(inputs[start : start + PREDICTED])
                pixels = torch.from_numpy(part).to(device)
                pixels = pixels.contiguous(memory_format=torch.channels_last)
                logits = self.network(streaming.normalised(pixels)).float()
                answers.append(logits.softmax(dim=1).cpu().numpy())
        self.network.train()
        return np.concatenate(answers)


PREDICTED = 256
"""Pictures at a time."""


def multiply_adds(network: nn.Module, size: tuple[int, int]) -> int:
    """Count those of convolutions and products for one picture, without computing anything."""
    from copy import deepcopy

    from torch.utils.flop_counter import FlopCounterMode

    twin = deepcopy(network).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        twin(torch.empty(1, 3, *size, device="meta"))
    return int(counter.get_total_flops()) // 2


@dataclass(frozen=True)
class Torchvision:
    """A variant of the network that is trained by a recipe on a folder of pictures."""

    variant: Variant
    data: str
    size: tuple[int, int]
    recipe: Recipe
    backend: TorchBackend | None = None

    def __post_init__(self) -> None:
        """Refuse, before any work, what cannot be trained."""
        if not all(map(find_spec, ("torchvision", "PIL"))):
            raise UsageError(NEEDED)
        folder = open_folder(self.data)
        if len(folder.train) < self.recipe.batch:
            raise UsageError(
                f"--batch is {self.recipe.batch}, and '{folder.train.directory}' has "
                f"{len(folder.train):,} pictures; give a smaller batch"
            )

    def fit(
        self,
        data: Dataset,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> PictureModel:
        """Train from the seed's first weights, on whole batches."""
        assert self.backend is not None
        backend, folder = self.backend, open_folder(self.data)
        numbers = _readable(folder, data.positions[:, 0], backend)
        built = network(self.variant, len(folder.train.classes), self.size, seed)
        job = streaming.Job(folder.train, numbers, self.size, self.recipe, seed)
        trained = streaming.train(
            built,
            job,
            backend,
            workers=streaming.workers_of(backend),
            checkpoint=checkpoint,
            on_progress=on_progress or (lambda _: None),
        )
        history = History(
            trained.losses,
            trained.seconds,
            samples=trained.samples,
            waiting=trained.waiting,
            by_step=trained.by_step,
        )
        return PictureModel(built, self.size, backend, history)

    def load(self, weights: Mapping[str, NDArray[Any]]) -> PictureModel:
        """Return the model with these weights; ValueError for those of another shape."""
        assert self.backend is not None
        built = network(self.variant, len(open_folder(self.data).train.classes), self.size, 0)
        try:
            built.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        except RuntimeError as error:
            raise ValueError(" ".join(str(error).split())) from error
        return PictureModel(streaming.on_device(built, self.backend), self.size, self.backend)


def _readable(
    folder: Folder, numbers: NDArray[np.int64], backend: TorchBackend
) -> NDArray[np.int64]:
    """Decode all pictures, each process its part; return the numbers of those that can be read.

    Warns of each file that is left out; `UsageError` where there are too many of them.
    """
    key = folder.train, len(numbers)
    if key not in _CHECKED:
        own = unreadable(folder.train, numbers[backend.rank :: backend.processes])
        found: dict[int, str] = {}
        for part in backend.gather(json.dumps(list(own.items())).encode()):
            found.update((number, why) for number, why in json.loads(part))
        for line in require_few(folder.train, found):
            if backend.first:
                warnings.warn(f"left out: {line}", stacklevel=2)
        folder.train.without(list(found))
        _CHECKED[key] = np.setdiff1d(numbers, list(found))
    return _CHECKED[key]


_CHECKED: dict[Any, NDArray[np.int64]] = {}
"""What this process has checked already, for its next run."""
