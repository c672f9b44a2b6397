"""Mutation testing: change one place of a module at a time and see whether its own tests fail.

    python benchmarks/mutation.py [PATH ...] [--mutants 40] [--seed 0]

PATH is a module or a package. Writes docs/mutation.md; without a PATH, only the reasons in it anew.
Takes minutes a module; needs `pip install -e '.[mutation]'`.

The mutations are Cosmic Ray's: of the tools that are kept up, mutmut leaves out decorated functions
and whatever is outside a function, and none of them draws a sample or runs a module's own tests
alone.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import ndiff
from math import ceil
from pathlib import Path
from queue import SimpleQueue
from subprocess import CompletedProcess

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mutation.md"
REASONS = Path(__file__).with_suffix(".toml")
PACKAGES = ("handcrafted", "compare")
COPIED = (*PACKAGES, "tests", "examples", "conftest.py", "setup.cfg")

HEAD = """# Mutation tests

`python benchmarks/mutation.py PATH ...` wrote this page. It changes one place of a module, runs
the module's own tests, and counts a mutant as noticed if they fail or hang; `CONTRIBUTING.md` has
the details.
"""


@dataclass(frozen=True)
class Mutant:
    """A module with one place changed."""

    source: str
    change: str
    """The lines that differ, "before => after"."""


def all_mutations(source: str) -> Iterator[tuple[tuple[int, int], str, int]]:
    """Yield the position, the operator and its occurrence for each of Cosmic Ray's mutations."""
    nodes = list(ast_nodes(get_ast(source)))
    for name in sorted(operator_names()):
        operator = get_operator(name)
        if operator.arguments():  # these need names of variables
            continue
        positions = (at for node in nodes for at in operator().mutation_positions(node))
        for occurrence, (start, _) in enumerate(positions):
            yield start, name, occurrence


def sample(source: str, count: int, seed: int) -> list[Mutant]:
    """Draw mutants, no second one at a place before every place has one."""
    mutations = list(all_mutations(source))
    random.Random(seed).shuffle(mutations)
    drawn: Counter[tuple[int, int]] = Counter()
    ranks = []
    for position, *_ in mutations:
        ranks.append(drawn[position])
        drawn[position] += 1
    mutants: list[Mutant] = []
    for _, (_, name, occurrence) in sorted(
        zip(ranks, mutations, strict=True), key=lambda pair: pair[0]
    ):
        if len(mutants) == count:
            break
        mutated = mutate_code(source, get_operator(name)(), occurrence)
        if mutated is not None and differs(source, mutated):
            mutants.append(Mutant(mutated, change(source, mutated)))
    return mutants


def differs(source: str, mutated: str) -> bool:
    """Say whether a mutant is valid Python that does something else; annotations do nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as `is` with a literal
        try:
            compile(mutated, "mutant", "exec")
        except SyntaxError:
            return False
    return code_without_annotations(mutated) != code_without_annotations(source)


def code_without_annotations(source: str) -> str:
    """Return the syntax tree as text, without annotations."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign() | ast.arg():
                node.annotation = ast.Constant(None)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = None
    return ast.dump(tree)


def change(source: str, mutated: str) -> str:
    """Return the lines that differ as "before => after"; of lines taken out, the next one too."""
    lines = [line for line in ndiff(source.splitlines(), mutated.splitlines()) if line[0] != "?"]
    places = [place for place, line in enumerate(lines) if line[0] != " "]
    shown = lines[places[0] : places[-1] + 1]
    if all(line[0] == "-" for line in shown):
        shown = lines[places[0] : places[-1] + 2]
    before, after = (
        " ".join(" ".join(line[2:] for line in shown if line[0] in signs).split())
        for signs in (" -", " +")
    )
    return f"{before} => {after}"


def own_tests(module: Path) -> list[Path]:
    """Return the tests named after a module; of an `__init__.py` or of proofs, the whole folder."""
    if "proofs" in module.with_suffix("").parts:
        return sorted((ROOT / "tests" / "proofs").glob("test_*.py"))
    if module.name == "__init__.py":
        return sorted((ROOT / "tests" / module.parent).glob("test_*.py"))
    name = f"test_{module.stem}.py"
    tests = (ROOT / "tests" / folder / name for folder in (module.parent, Path("proofs")))
    return [test for test in tests if test.exists()]


def copy_tree(target: Path) -> None:
    """Copy what the tests need, so that no mutant is ever in the working tree."""
    for name in COPIED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, target)


def run_tests(tree: Path, tests: list[Path], seconds: float = 0) -> CompletedProcess[str]:
    """Run tests in a copy of the tree, up to the first that fails.

    A process that takes much more of a processor than `seconds` is ended by the system, however
    busy the machine is; one that waits for much longer raises TimeoutExpired.
    """
    # A mutant may be as long and as old as the one before, so compiled modules must not be kept.
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    limit = f"ulimit -t {30 + 4 * ceil(seconds)}; " if seconds else ""
    command = (
        *("sh", "-c", f'{limit}exec "$@"', "sh", sys.executable),
        *("-m", "pytest", "-x", "-n", "0", "-p", "no:cacheprovider"),
    )
    names = [str(test.relative_to(ROOT)) for test in tests]
    return subprocess.run(
        [*command, *names],
        cwd=tree,
        env=environment,
        timeout=120 + 20 * seconds if seconds else None,
        capture_output=True,
        encoding="utf-8",
    )


def noticed(tree: Path, module: Path, mutant: Mutant, tests: list[Path], seconds: float) -> bool:
    """Say whether the tests fail, or hang, with a mutant in the module's place."""
    (tree / module).write_text(mutant.source, encoding="utf-8")
    try:
        # 5: no test was collected, so none failed
        return run_tests(tree, tests, seconds).returncode not in (0, 5)
    except subprocess.TimeoutExpired:
        return True
    finally:
        shutil.copy(ROOT / module, tree / module)


def processor_seconds() -> float:
    """Return what all processes that this one has waited for have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def by_duration(tree: Path, tests: list[Path]) -> tuple[list[Path], float]:
    """Return the tests, fastest file first, and the processor's seconds of all of them.

    Raises RuntimeError if one fails without a mutant.
    """
    seconds = {}
    for test in tests:
        started = processor_seconds()
        result = run_tests(tree, [test])
        if result.returncode != 0:
            raise RuntimeError(f"{test} fails without a mutant; mend it first\n{result.stdout}")
        seconds[test] = processor_seconds() - started
    return sorted(tests, key=seconds.__getitem__), sum(seconds.values())


def survey(module: Path, count: int, seed: int) -> str:
    """Try a module's mutants, one a core at a time, and return its section of the page."""
    tests = own_tests(module)
    if not tests:
        return f"## {module.as_posix()}\n\nNo tests of its own.\n"
    mutants = sample((ROOT / module).read_text(encoding="utf-8"), count, seed)
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as scratch:
        trees: SimpleQueue[Path] = SimpleQueue()
        for core in range(cores):
            tree = Path(scratch, str(core))
            tree.mkdir()
            copy_tree(tree)
            trees.put(tree)
        tests, seconds = by_duration(Path(scratch, "0"), tests)

        def try_one(mutant: Mutant) -> bool:
            tree = trees.get()
            try:
                return noticed(tree, module, mutant, tests, seconds)
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(cores) as pool:
            results = list(pool.map(try_one, mutants))
    survivors = [mutant for mutant, found in zip(mutants, results, strict=True) if not found]
    return section(module, len(mutants), survivors)


def section(module: Path, count: int, survivors: list[Mutant]) -> str:
    """Return a module's part of the page."""
    lines = [f"## {module.as_posix()}", "", f"{count - len(survivors)} of {count} noticed.", ""]
    lines += [f"- `{mutant.change}`: not explained" for mutant in survivors]
    return explained(module.as_posix(), "\n".join(lines).rstrip() + "\n")


def explained(name: str, text: str) -> str:
    """Return a module's part of the page with the reasons that there are now."""
    reasons = tomllib.loads(REASONS.read_text(encoding="utf-8")).get(name, {})

    def line(match: re.Match[str]) -> str:
        return f"- `{match[1]}`: {reasons.get(match[1], 'not explained')}"

    return re.sub(r"^- `(.*)`: .*$", line, text, flags=re.MULTILINE)


def write_page(sections: dict[str, str]) -> None:
    """Write the page, with what it has of other modules, and the table of all."""
    if PAGE.exists():
        _, *old = re.split(r"^(?=## )", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
        sections = {part.split()[1]: part.rstrip() + "\n" for part in old} | sections
        sections = {name: explained(name, text) for name, text in sections.items()}
    sections = {name: sections[name] for name in sorted(sections) if (ROOT / name).exists()}
    table = ["| module | mutants | noticed | share |", "| --- | ---: | ---: | ---: |"]
    for name, text in sections.items():
        if found := re.search(r"^(\d+) of (\d+) noticed", text, flags=re.MULTILINE):
            right, count = map(int, found.groups())
            table.append(f"| `{name}` | {count} | {right} | {right / count:.0%} |")
        else:
            table.append(f"| `{name}` | no tests of its own | | |")
    PAGE.write_text("\n".join([HEAD, *table, "", *sections.values()]), encoding="utf-8")


def modules(path: str) -> list[Path]:
    """Return a module, or those of a package, in which there is something to change."""
    full = (ROOT / path).resolve()
    files = (file for name in PACKAGES for file in sorted((ROOT / name).rglob("*.py")))
    return [
        file.relative_to(ROOT)
        for file in files
        if file.is_relative_to(full) and any(all_mutations(file.read_text(encoding="utf-8")))
    ]


def main() -> None:
    """Read the command line, survey the modules and write the page after each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a module or a package")
    parser.add_argument("--mutants", type=int, default=40, help="of each module (default: 40)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    options = parser.parse_args()
    if options.mutants < 1:
        parser.error(f"--mutants is {options.mutants}; give 1 or more")
    found = {path: modules(path) for path in options.paths}
    for path in options.paths:
        if not found[path]:
            parser.error(f"{path} has no module to change; give one, or a package")
    write_page({})
    for module in dict.fromkeys(module for path in options.paths for module in found[path]):
        text = survey(module, options.mutants, options.seed)
        print(text, flush=True)
        write_page({module.as_posix(): text})


if __name__ == "__main__":
    main()
