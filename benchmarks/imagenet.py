"""Training on a folder of pictures beside a plain loop of PyTorch and torchvision, on one device.

    python benchmarks/imagenet.py [--pictures 12800] [--batch 256] [--steps 200] [--precision bf16]

Makes JPEG pictures of 500x375, about as large as ImageNet's, in a temporary folder, and prints a
Markdown table of pictures a second: of `compare.learned.streaming`; of a plain loop with the same
network, batch, precision, augmentation, layout and number of reading processes, put together from
torchvision's `ImageFolder` and transforms as its reference script does; and of each half of the
work alone, reading without a network and the network without reading. The two loops take turns,
the medians of `--turns` are printed.

    python benchmarks/imagenet.py --estimate 2500 --price gpu=2.50

prints what the paper's experiment takes at so many pictures a second on a GPU.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from compare.experiments.environment import cores

SIDES = (375, 500)
CLASSES = 16
WARM_UP = 20
"""Steps before the clock starts."""


def draw(task: tuple[str, int]) -> int:
    """Write one picture: smooth colours and some noise, so that it has about 110 kB."""
    from PIL import Image

    path, number = task
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 255, (24, 32, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(SIDES[::-1], Image.Resampling.BICUBIC), np.float32)
    noisy = smooth + random.normal(0, 24, smooth.shape).astype(np.float32)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    Path(path).write_bytes(file.getvalue())
    return file.tell()


def make_folder(root: Path, count: int, workers: int) -> float:
    """Write `count` pictures to train on and a few more; returns their mean size in kB."""
    tasks = []
    for part, pictures in (("train", count), ("val", CLASSES)):
        for index in range(CLASSES):
            (root / part / f"class{index:02d}").mkdir(parents=True)
        for number in range(pictures):
            folder = root / part / f"class{number % CLASSES:02d}"
            tasks.append((str(folder / f"{number:06d}.jpg"), len(tasks)))
    with ProcessPoolExecutor(workers) as pool:
        return sum(pool.map(draw, tasks, chunksize=64)) / len(tasks) / 1000


def job_of(folder, size: int, batch: int, steps: int):
    """Return a training of so many steps in all, on the pictures again and again."""
    from compare.learned.recipe import Recipe
    from compare.learned.streaming import Job

    epochs = -(-(steps + WARM_UP) // (len(folder.train) // batch))
    recipe = Recipe(0.1, epochs=epochs, l2=5e-5, batch=batch, loss="softmax", lr_schedule="warm-up")
    numbers = np.arange(len(folder.train))
    return Job(folder.train, numbers, (size, size), recipe, 0)


class Clock:
    """Measures steps after the first `WARM_UP`, waiting for the device at both ends."""

    def __init__(self, device, steps: int) -> None:
        """Measure so many steps of a device."""
        self.device, self.steps, self.count, self.seconds = device, steps, 0, 0.0

    def step(self) -> bool:
        """Count a step; returns whether it was the last."""
        self.count += 1
        if self.count in (WARM_UP, WARM_UP + self.steps):
            if self.device.type == "cuda":
                import torch

                torch.cuda.synchronize(self.device)
            self.seconds = time.perf_counter() - self.seconds
        return self.count == WARM_UP + self.steps


class EnoughError(Exception):
    """All steps were done."""


def ours(root: Path, options, backend) -> tuple[float, float]:
    """Return pictures a second of this package, and the share of the time without a batch."""
    from compare.datasets.folder import open_folder
    from compare.learned import streaming
    from compare.solvers.torchvision import network

    folder = open_folder(root)
    clock = Clock(backend.torch_device, options.steps)
    step, waiting = streaming.FolderTraining.step, []

    def counted(training, *arguments):
        step(training, *arguments)
        if clock.count in (WARM_UP, WARM_UP + options.steps - 1):
            waiting.append((training.counts.waiting, time.perf_counter()))
        if clock.step():
            raise EnoughError

    streaming.FolderTraining.step = counted
    try:
        streaming.train(
            network("conv", CLASSES, (options.size, options.size), 0),
            job_of(folder, options.size, options.batch, options.steps),
            backend,
            workers=options.workers,
        )
    except EnoughError:
        pass
    finally:
        streaming.FolderTraining.step = step
    (before, began), (after, ended) = waiting
    return options.batch * options.steps / clock.seconds, (after - before) / (ended - began)


def plain(root: Path, options, backend) -> float:
    """Return pictures a second of the plain loop."""
    import torch
    from torchvision import datasets, transforms
    from torchvision.models import resnet50

    from compare.learned.streaming import DEVIATION, MEAN, autocast

    data = datasets.ImageFolder(
        str(root / "train"),
        transforms.Compose([
            transforms.RandomResizedCrop(options.size),
            transforms.RandomHorizontalFlip(),
            transforms.PILToTensor(),
            transforms.ConvertImageDtype(torch.float),
            transforms.Normalize(MEAN, DEVIATION),
        ]),
    )  # fmt: skip
    device, steps = backend.torch_device, options.steps + WARM_UP
    sampler = torch.utils.data.RandomSampler(data, num_samples=options.batch * steps)
    batches = torch.utils.data.DataLoader(
        data, options.batch, sampler=sampler, num_workers=options.workers,
        pin_memory=device.type == "cuda", prefetch_factor=2 if options.workers else None,
    )  # fmt: skip
    model = resnet50(num_classes=CLASSES).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    loss_of = torch.nn.CrossEntropyLoss()
    clock = Clock(device, options.steps)
    for pictures, labels in batches:
        pictures = pictures.to(device, non_blocking=True, memory_format=torch.channels_last)
        labels = labels.to(device, non_blocking=True)
        with autocast(backend):
            loss = loss_of(model(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if clock.step():
            break
    return options.batch * options.steps / clock.seconds


def reading(root: Path, options, backend) -> float:
    """Return pictures a second of this package's reading alone."""
    import torch

    from compare.datasets.folder import open_folder
    from compare.learned.streaming import loader

    job = job_of(open_folder(root), options.size, options.batch, options.steps)
    clock = Clock(torch.device("cpu"), options.steps)
    for _ in loader(job, 0, 0, 1, options.workers, backend.torch_device.type == "cuda"):
        if clock.step():
            break
    return options.batch * options.steps / clock.seconds


def computing(options, backend) -> float:
    """Return pictures a second of this package's steps on one batch that is there already."""
    import torch

    from compare.datasets.folder import Folder, Pictures
    from compare.learned.streaming import FolderTraining
    from compare.solvers.torchvision import network

    names = np.array([b"none"] * options.batch)
    pictures = Pictures(Path(), ("none",), names, np.zeros(options.batch, np.int64))
    job = job_of(Folder(pictures, pictures, ""), options.size, options.batch, options.steps)
    size = (options.size, options.size)
    training = FolderTraining(network("conv", CLASSES, size, 0), job, backend)
    pixels = torch.randint(0, 255, (options.batch, *size, 3), dtype=torch.uint8)
    pixels, labels = (
        each.to(backend.torch_device)
        for each in (pixels, torch.zeros(options.batch, dtype=torch.int64))
    )
    clock = Clock(backend.torch_device, options.steps)
    while True:
        training.step(training.network, pixels, labels)
        if clock.step():
            return options.batch * options.steps / clock.seconds


def measure(options) -> None:
    """Print the table of pictures a second."""
    import torch

    from compare.backends import load
    from compare.solvers.torchvision import models

    models()  # torchvision, whatever PyTorch it was built for
    backend = load("torch", options.device, options.precision)
    torch.backends.cudnn.benchmark = True
    with tempfile.TemporaryDirectory(prefix="compare-imagenet-") as scratch:
        root = Path(scratch)
        began = time.perf_counter()
        size = make_folder(root, options.pictures, max(1, options.workers))
        made = time.perf_counter() - began
        rates: dict[str, list[float]] = {"ours": [], "plain": []}
        waits = []
        for _ in range(options.turns):
            rates["plain"].append(plain(root, options, backend))
            rate, waited = ours(root, options, backend)
            rates["ours"].append(rate)
            waits.append(waited)
        rates["reading"] = [reading(root, options, backend)]
        rates["computing"] = [computing(options, backend)]
    device = backend.about().get("device", platform.machine())
    print(
        f"{device}, {cores()} cores, PyTorch {torch.__version__}, "
        f"{options.precision}; ResNet-50, batch {options.batch}, {options.size}x{options.size}; "
        f"{options.pictures:,} JPEG pictures of {SIDES[1]}x{SIDES[0]} and {size:.0f} kB "
        f"(made in {made:.0f} s), {options.workers} reading processes; {options.steps} steps after "
        f"{WARM_UP}, {options.turns} turns.\n"
    )
    print("| what | pictures a second (median) | smallest..largest |\n| --- | ---: | ---: |")
    titles = {
        "ours": "this package",
        "plain": "plain loop of PyTorch and torchvision",
        "reading": "this package, reading alone",
        "computing": "this package, the network alone",
    }
    for name, title in titles.items():
        found = rates[name]
        print(
            f"| {title} | {statistics.median(found):,.0f} | {min(found):,.0f}..{max(found):,.0f} |"
        )
    print(f"\nShare of the time in which the device had no batch: {statistics.median(waits):.1%}.")


PICTURES, EPOCHS, RUNS = 1_281_167, 90, 10
"""ImageNet's; the paper's epochs; and its two networks, five times each."""


def estimate(options) -> None:
    """Print the table of hours and cost."""
    hours = PICTURES * EPOCHS / options.estimate / 3600
    price = dict(pair.split("=") for pair in options.price.split(",")) if options.price else {}
    print("| GPUs | efficiency | hours a run | GPU-hours a run | GPU-hours of 10 runs | cost |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for count, efficiency in ((1, 1.0), (8, options.inside), (100, options.between)):
        spent = hours / efficiency
        cost = f"{spent * RUNS * float(price['gpu']):,.0f}" if "gpu" in price else "no price given"
        print(
            f"| {count} | {efficiency:.0%} | {spent / count:.1f} | {spent:.1f} | "
            f"{spent * RUNS:,.0f} | {cost} |"
        )
    print(
        f"\n{PICTURES:,} pictures, {EPOCHS} epochs, at {options.estimate:,.0f} pictures a second "
        "on one GPU; the efficiency on several is assumed."
    )


def main() -> None:
    """Measure, or estimate."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=12_800, help="in the folder")
    parser.add_argument("--batch", type=int, default=256, help="pictures a step")
    parser.add_argument("--steps", type=int, default=200, help="timed, of each loop and turn")
    parser.add_argument("--turns", type=int, default=2, help="of the two loops")
    parser.add_argument("--size", type=int, default=224, help="side of the network's input, pixels")
    parser.add_argument("--device", default="auto", help="of PyTorch")
    parser.add_argument("--precision", default="bf16", help="float32, tf32, bf16 or fp16")
    parser.add_argument("--workers", type=int, default=cores(), help="reading processes")
    parser.add_argument("--estimate", type=float, metavar="RATE", help="pictures a second on a GPU")
    parser.add_argument("--price", help="gpu=X, of an hour of one GPU")
    parser.add_argument("--inside", type=float, default=0.95, help="efficiency on 8 GPUs")
    parser.add_argument("--between", type=float, default=0.85, help="efficiency on 100 GPUs")
    options = parser.parse_args()
    if options.estimate:
        estimate(options)
    else:
        measure(options)


if __name__ == "__main__":
    main()
