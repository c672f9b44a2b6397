"""The table of docs/weights.md: every published architecture with computed weights, every option.

    python benchmarks/weights.py

Tries every position of the 64x64 canvas in float32, by each kernel, coordinates and loss that an
architecture admits, and once by each width; compares with `==` and writes the table. Took 14
minutes on two busy cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from compare import tasks
from compare.experiments.exactness import CASES, Claim, prove
from compare.files import write_whole
from compare.learned.recipe import OPTIONS
from compare.solvers.catalogue import solvers_of
from handcrafted.proofs.claims import Proved

PAGE = Path(__file__).parent.parent / "docs" / "weights.md"
SIDE = 64
HEAD = "| network | task | options | numbers that matter | positions solved |"
NAMES = {
    "onehot2coord handcrafted-coordconv": "CoordConv regressor",
    "onehot2coord handcrafted-conv": "plain regressor",
    "coord2onehot handcrafted-coordconv": "CoordConv classifier",
    "coord2onehot handcrafted-deconv": "transposed convolutions",
    "coord2image handcrafted-coordconv": "CoordConv renderer",
    "coord2image handcrafted-deconv": "transposed convolutions",
    "image2coord handcrafted-coordconv": "CoordConv regressor",
    "image2coord handcrafted-conv": "plain regressor",
}


def values(task: str, option: str) -> tuple[object, ...]:
    """Return what an option can be, for a solver that has weights for it."""
    if option == "loss":
        supervision = tasks.load(task).supervision
        assert supervision is not None
        return supervision.losses
    (known,) = (each for each in OPTIONS if each.name == option)
    return tuple(known.read(text) for text in known.choices)


def choices(task: str, solver: str) -> list[tuple[tuple[str, object], ...]]:
    """Return every choice of a solver's options but the width, as (name, value) pairs."""
    (first, *_) = solvers_of(task)[solver].variants.values()
    names = [name for name in first if name != "width"]
    return [
        tuple(zip(names, each, strict=True))
        for each in product(*(values(task, name) for name in names))
    ]


def proved(claim: Claim) -> tuple[str, ...] | None:
    """Prove a claim; return its numbers and positions, or None for what has no weights."""
    found = prove(claim, SIDE, SIDE)
    if not isinstance(found, Proved):
        print(f"{claim.name}: {found.reason}", flush=True)
        return None
    print(f"{claim.name}: {found.claim}, {found.seconds:.1f} s", flush=True)
    solver = claim.build(SIDE, SIDE)
    unsolved = solver.weights.unsolved(SIDE, SIDE, **solver.options)
    but = f", all but {', '.join(map(str, unsolved))}" if unsolved else ""
    return (
        f"{solver.model().cost.constants:,}",
        f"{solver.architecture.count():,}",
        f"{found.cases - len(unsolved):,} of {found.cases:,}{but}",
    )


def rows(task: str, solver: str) -> Iterator[tuple[str, ...]]:
    """Yield a solver's lines of the table, one for all losses."""
    first = [Claim(task, solver, split, True, ()) for split in tasks.load(task).splits]
    by_split = len({claim.build(SIDE, SIDE).architecture for claim in first}) > 1
    wide = "width" in solvers_of(task)[solver].options
    for claim in first if by_split else first[:1]:
        claim = replace(claim, by_split=by_split)
        network = NAMES[f"{task} {solver}"] + (f", {claim.split} split" if by_split else "")
        found: dict[str, list[tuple[str, ...]]] = {}
        widened = False
        for options in choices(task, solver):
            all_widths = wide and not widened and dict(options).get("kernel", 3) == 3
            widened |= all_widths
            each = [
                proved(replace(claim, options=(*((("width", n),) if wide else ()), *options)))
                for n in ((1, 2, 3) if all_widths else (1,))
            ]
            if each[0] is None:
                continue
            # What is wider has the same numbers, and more zeros.
            assert all(one is not None and one[::2] == each[0][::2] for one in each), each
            shown = ", ".join(
                f"{name} {value}" if name == "kernel" else str(value)
                for name, value in options
                if name != "loss"
            )
            found.setdefault(shown, []).append(each[0])
        for shown, by_loss in found.items():
            used, (count, *_), (solved, *others) = (
                list(dict.fromkeys(each)) for each in zip(*by_loss, strict=True)
            )
            assert not others, by_loss
            yield network, f"`{task}`", shown, f"{' or '.join(sorted(used))} of {count}", solved


def main() -> None:
    """Prove everything and write the table into the page."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    table = [
        " | ".join(("", *row, "")).strip()
        for task in CASES
        for solver in solvers_of(task)
        if f"{task} {solver}" in NAMES
        for row in rows(task, solver)
    ]
    before, _, after = PAGE.read_text(encoding="utf-8").partition(f"{HEAD}\n")
    _, _, after = after.partition("\n\n")
    page = "\n".join((before + HEAD, "| --- | --- | --- | --- | --- |", *table)) + f"\n\n{after}"
    write_whole(PAGE, lambda file: file.write(page.encode()))


if __name__ == "__main__":
    main()
