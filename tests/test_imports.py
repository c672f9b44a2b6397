"""Who may import whom: imports inside functions and under TYPE_CHECKING count too."""

import ast
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import compare

ALLOWED = {
    "cli": ("report", "experiments", "figures"),
    "api": ("experiments", "results", "report"),
    "report": ("figures", "results", "solvers"),
    "experiments": ("solvers", "results"),
    "figures": ("results",),
    "solvers": ("learned", "tasks"),
    "results": ("learned.recipe", "tasks"),
    "learned": ("backends", "datasets"),
    "tasks": ("backends", "datasets"),
    "testing": ("learned",),
    "backends": (),
    "datasets": (),
    "learned.recipe": (),
}
"""The arrows between rooms. What is reachable along them may be imported too."""

BELOW = ("files", "plugins", "errors")
"""What every room may import, beside `handcrafted`, which imports none of them."""

SOURCES = Path(compare.__file__).parent.parent
"""Of the packages under test: the checkout's, or installed ones."""

FILES = sorted(
    path for name in ("compare", "handcrafted") for path in (SOURCES / name).rglob("*.py")
)


def module_of(path):
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(module):
    """Return the modules of ours that a module imports, however deep the statement."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name in MODULES}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                found.add(inner if inner in MODULES else node.module)
    return found & MODULES.keys()


def room(module):
    """Return the room of a module of `compare`; "" for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def reachable(start):
    seen, waiting = set(), [start]
    while waiting:
        for target in ALLOWED[waiting.pop()]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def forbidden(module, target):
    """Whether a module must not import another."""
    if module.startswith("handcrafted"):
        return not target.startswith("handcrafted")
    if target.startswith("handcrafted"):
        return False
    here, there = room(module), room(target)
    if there == "" or here in ("", "__main__"):
        return here not in ("", "__main__")
    if there in BELOW:
        return False
    if here in BELOW:
        return True
    if here == there:
        return False
    known = reachable(here)
    return there not in known and target.partition(".")[2] not in known


@pytest.mark.parametrize("module", MODULES)
def test_imports_follow_the_arrows(module):
    assert [target for target in sorted(imports(module)) if forbidden(module, target)] == []


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("compare.backends.numpy", "compare.learned.layers"),
        ("compare.learned.training", "compare.results.runs"),
        ("compare.results.table", "compare.learned.training"),
        ("compare.experiments.run", "compare.figures.style"),
        ("compare.files", "compare.results.runs"),
        ("compare.solvers.learned", "compare.testing.backends"),
        ("handcrafted.network", "compare.errors"),
        ("compare.datasets.not_so_clevr", "compare.tasks.base"),
        ("compare.experiments.environment", "compare"),
    ],
)
def test_a_forbidden_import_would_be_noticed(module, target):
    assert forbidden(module, target)


@pytest.mark.parametrize("script", sorted(Path("benchmarks").glob("*.py")), ids=str)
def test_what_a_benchmark_imports_is_there(script):
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module in MODULES:
            for name in (name.name for name in node.names):
                known = f"{node.module}.{name}" in MODULES
                assert known or hasattr(import_module(node.module), name), name


@pytest.mark.parametrize("path", [*FILES, *sorted(Path("benchmarks").glob("*.py"))], ids=str)
def test_no_module_imports_a_private_name_of_another(path):
    found = [
        f"{node.module}.{name.name}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
        for name in node.names
        if name.name.startswith("_")
    ]
    assert found == []


def defined(body):
    """Yield the names that a module defines at its top level, with their statements."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (name for target in targets for name in ast.walk(target))
            yield from ((name.id, node) for name in names if isinstance(name, ast.Name))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            parts = (node.body, getattr(node, "orelse", []), getattr(node, "finalbody", []))
            yield from (found for part in parts for found in defined(part))


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"compare.__main__"}))
def test_public_names_are_in_all_and_documented(module):
    """What has no underscore is public: `__all__` has it, and a function or class says what it is."""
    tree = ast.parse(MODULES[module].read_text())
    every = dict(defined(tree.body))
    here = {name: node for name, node in every.items() if not name.startswith("_")}
    public = ast.literal_eval(every["__all__"].value)
    assert [*here.keys() - {*public}] == []
    for name, node in here.items():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert ast.get_docstring(node), name
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for name in public:
        assert name in here or name in imported or f"{module}.{name}" in MODULES, name


def test_layers_and_architectures_never_know_the_shortcut():
    for module in ("layers", "architecture", "published", "losses", "recipe", "optimizer"):
        known = imports(f"compare.learned.{module}")
        assert not [target for target in known if target.startswith("compare.learned.sparse")]


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        # A package's own modules may look up what its __init__ says.
        module: {target for target in imports(module) if not module.startswith(f"{target}.")}
        for module in MODULES
    }
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for target in graph[module]:
            visit(target)
        done.add(path.pop())

    for module in graph:
        visit(module)


def test_rooms_are_on_eight_floors_at_most():
    """A room is above every one that it imports; handcrafted is one room."""

    def own(module):
        return room(module) if module.startswith("compare.") else module.partition(".")[0]

    above = {own(module): set() for module in MODULES}
    for module in MODULES:
        above[own(module)] |= {own(target) for target in imports(module)} - {own(module)}

    @cache
    def floor(name):
        return 1 + max((floor(below) for below in above[name]), default=0)

    assert max(map(floor, above)) <= 8


def test_few_modules_stand_outside_of_the_rooms():
    outside = {path.stem for path in (SOURCES / "compare").glob("*.py")}
    assert outside <= {"__init__", "__main__", "api", "errors", "files", "plugins"}
    rooms = {path.name for path in (SOURCES / "compare").iterdir() if path.is_dir()}
    assert rooms - {"__pycache__"} <= {name for name in ALLOWED if "." not in name}
