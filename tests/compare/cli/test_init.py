"""The parser of all commands, what is printed where, and what any of them refuses."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from compare import cli


def test_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"compare {version('handcrafted')}\n"


def test_python_dash_m_is_the_same_command():
    answer = subprocess.run(
        [sys.executable, "-m", "compare", "list"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("tasks and their solvers")
    wrong = subprocess.run(
        [sys.executable, "-m", "compare", "run", "--task", "x"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize("argument", ["--help", "--version", "list"])
def test_nothing_heavy_is_imported_to_say_what_there_is(argument):
    heavy = "numpy scipy matplotlib torch jax distributed dask onnx jinja2"
    code = (
        "import sys; from compare import cli\n"
        f"try: cli.main([{argument!r}])\n"
        "except SystemExit: pass\n"
        f"sys.exit(', '.join(set({heavy!r}.split()) & sys.modules.keys()) or 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")


RUN = ["run", "--task", "onehot2coord", "--size", "16"]
EXPORT = ["export", "--task", "onehot2coord"]
LONG = "x" * 300
MANY = "9" * 5000

VALUES = (
    *("solver", "split", "seeds", "preset", "backend", "device", "precision", "size", "eval-size"),
    *("out", "epochs", "learning-rate", "l2", "batch", "loss", "lr-schedule", "width", "kernel"),
    *("coordinates", "target", "beta1", "beta2", "epsilon"),
)
SWEEP_VALUES = ("workers", "scheduler", "out")
RESULTS_VALUES = ("where", "by", "sort", "columns", "format")

BAD = [
    (
        ["run", "--task", "onehot2cord"],
        "unknown task 'onehot2cord'; did you mean 'onehot2coord'? choo",
    ),
    (
        [*RUN, "--solver", "magic"],
        "unknown solver 'magic'; choose from: handcrafted, handcrafted-c",
    ),
    (["runn"], "unknown command 'runn'; did you mean 'run'? choose from: run, prove"),
    (["--versoin"], "unknown option '--versoin'; did you mean '--version'? see 'compare --help'"),
    # An option is not spelled out: `--seed` could be taken for one of these seeds.
    ([*RUN, "--seed", "3"], "unknown option '--seed'; did you mean '--seeds'? see 'compare run"),
    (["run", "--taks=x"], "unknown option '--taks'; did you mean '--task'? see 'compare run"),
    ([*RUN, "--solver", "conf"], "unknown solver 'conf'; did you mean 'conv'? choose from: hand"),
    ([*RUN, "--solver", "magic\ntrick"], "unknown solver 'magic trick'; choose from: handcrafted"),
    ([*RUN, "--split", "half"], "unknown split 'half'; choose from: uniform, quadrant"),
    ([*RUN, "--backend", "cuda"], "unknown backend 'cuda'; choose from: numpy"),
    ([*RUN, "--device", "gpu:7"], "no device 'gpu:7' here; present: cpu"),
    ([*RUN, "--preset", "fast"], "unknown preset 'fast'; choose from: quick, paper"),
    ([*RUN, "--size", "8"], "8x8 is too small for the 9x9 square"),
    ([*RUN, "--size", "0"], "0x0 is too small"),
    ([*RUN, "--size", "9"], "leaves the uniform split nothing to"),
    ([*RUN, "--size", "-64"], "--size is '-64'"),
    ([*RUN, "--size", "64x64x3"], "--size is '64x64x3'"),
    ([*RUN, "--size", "big"], "--size is 'big'"),
    ([*RUN, "--seeds", "0"], "--seeds is '0'; give a whole number, 1 or more"),
    ([*RUN, "--seeds", "-3"], "--seeds is '-3'"),
    ([*RUN, "--seeds", "100001"], "--seeds is '100001'; give a whole number up to 100000"),
    ([*RUN, "--epochs", "9" * 5000], "--epochs is '9999"),
    (
        [*RUN, "--size", "1000000"],
        "--size is '1000000', which takes at least 64,000 GB of memory, and ",
    ),
    ([*RUN, "--size", "9" * 5000], "--size is '9999"),
    ([*RUN, "--seeds", "2.5"], "--seeds is '2.5'"),
    ([*RUN, "--epochs", "0"], "--epochs is '0'; give a whole number, 1 or more"),
    ([*RUN, "--epochs", "-1"], "--epochs is '-1'"),
    ([*RUN, "--epochs", "many"], "--epochs is 'many'"),
    ([*RUN, "--learning-rate", "0"], "--learning-rate is '0'; give a number above 0"),
    ([*RUN, "--learning-rate", "nan"], "--learning-rate is 'nan'; give a number above 0"),
    ([*RUN, "--l2", "-1"], "--l2 is '-1'; give a number 0 or more"),
    ([*RUN, "--batch", "0"], "--batch is '0'; give a whole number, 1 or more"),
    ([*RUN, "--loss", "sigmoid"], "unknown loss 'sigmoid'; choose from: mse"),
    ([*RUN, "--lr-schedule", "cosine"], "unknown lr-schedule 'cosine'; choose from: constant"),
    ([*RUN, "--width", "4"], "unknown width '4'; choose from: 1, 2, 3"),
    ([*RUN, "--kernel", "3"], "--kernel changes nothing here: none of the solvers handcrafted, "),
    ([*RUN, "--coordinates", "polar"], "unknown coordinates 'polar'; choose from: scaled, pixels"),
    ([*RUN, "--eval-size", "20,8"], "8x8 is too small for the 9x9 square"),
    ([*RUN, "--eval-size", "wide"], "--eval-size is 'wide'; give pixels as N or as HEIGHTxWIDTH"),
    (
        [*RUN, "--sizes", "3"],
        "unknown option '--sizes'; did you mean '--size'? see 'compare run --help'",
    ),
    (["run"], "required: --task"),
    (["walk"], "unknown command 'walk'; choose from: run, prove"),
    ([], "required: COMMAND"),
    (["prove", "--task", "magic"], "unknown task with proofs 'magic'; choose from: onehot2coord"),
    (
        ["prove", "--dtype", "float8"],
        "unknown dtype 'float8'; did you mean 'float64'? choose from: float16",
    ),
    (["prove", "--max-size", "0"], "--max-size is '0'; give a whole number, 1 or more"),
    (["prove", "--max-size", "2049", "--dtype", "float16"], "2049 pixels is beyond 2048"),
    (["export", "--task", "onehot2coord"], "required: file"),
    (["export", "--task", "magic", "a.onnx"], "unknown task with a network by hand 'magic'"),
    (["export", "--task", "onehot2coord", "a.pb"], "'a.pb' does not end in .onnx"),
    (["export", "--task", "onehot2coord", "--size", "0", "a.onnx"], "the height is 0"),
    (["export", "--task", "image2coord", "--size", "8", "a.onnx"], "smaller than the 9x9 square"),
    (["export", "--task", "onehot2coord", "/proc/x/a.onnx"], "cannot write to"),
    # Empty values, as a shell makes them of a variable that is not set.
    *(([*RUN, f"--{name}", ""], f"argument --{name}: expected a value") for name in VALUES),
    (["run", "--task", ""], "argument --task: expected a value"),
    (["run", "--task", " \t"], "argument --task: expected a value"),
    (["sweep", ""], "argument FILE: expected a value"),
    *((["sweep", "a.toml", f"--{name}", ""], f"argument --{name}: ") for name in SWEEP_VALUES),
    *((["results", f"--{name}", ""], f"argument --{name}: ") for name in RESULTS_VALUES),
    (["results", ""], "argument DIR: expected a value"),
    (["report", ""], "argument runs: expected a value"),
    (["report", "-o", ""], "argument -o/--output: expected a value"),
    (["report", "--figures", ""], "argument --figures: expected a value"),
    (["rerun", ""], "argument RUN: expected a value"),
    (["bench", "--figure", ""], "argument --figure: expected a value"),
    (["bench", "--solver", ""], "argument --solver: expected a value"),
    ([*EXPORT, ""], "argument file: expected a value"),
    ([*EXPORT, "--size", "", "a.onnx"], "argument --size: expected a value"),
    (["prove", "--max-size", ""], "argument --max-size: expected a value"),
    (["prove", "--task", ""], "argument --task: expected a value"),
    (["completion", ""], "argument shell: expected a value"),
    # Names and numbers that are too long, and names that are no text.
    (["run", "--task", LONG], f"unknown task '{LONG[:40]}'; choose from: "),
    ([*RUN, "--solver", LONG * 100], f"unknown solver '{LONG[:40]}'; choose from: "),
    ([*RUN, "--split", f"uniform,{LONG}"], f"unknown split '{LONG[:40]}'; choose from: "),
    ([*RUN, "--backend", LONG], f"unknown backend '{LONG[:40]}'; choose from: "),
    ([*RUN, "--device", LONG], f"has no device '{LONG[:40]}' here"),
    ([*RUN, "--precision", LONG], f"has no precision '{LONG[:40]}'; choose from: "),
    ([*RUN, "--out", LONG], "File name too long"),
    ([*EXPORT, f"{LONG}.onnx"], "File name too long"),
    (["results", LONG], "File name too long"),
    (["rerun", LONG], "is not a finished run"),
    (["report", LONG], "the system refused: xxx"),
    (["report", "runs", "-o", LONG], "there is no directory 'runs'"),
    (["sweep", LONG], "File name too long"),
    ([*RUN, "--solver", "caf\udce9"], "unknown solver 'caf\\udce9'"),
    (["results", "caf\udce9"], "cannot read runs from"),
    (["rerun", "caf\udce9"], "'caf\\udce9' is not a finished run"),
    (["sweep", "caf\udce9"], "cannot read 'caf\\udce9': No such file"),
    ([*RUN, "--solver", "\x1b[31mred\x07\u202e"], "unknown solver '\\x1b[31mred\\x07\\u202e'"),
    # More than there is memory or time for.
    ([*RUN, "--size", "100000"], "at least 640 GB of memory"),
    ([*RUN, "--size", "16", "--eval-size", "16,100000"], "--eval-size is '100000', which takes"),
    (
        ["run", "--task", "coord2image", "--size", "3000"],
        "--size is '3000', which takes at least 20,",
    ),
    ([*RUN, "--eval-size", ",".join(["16"] * 101)], "--eval-size has 101 canvases; give up to 100"),
    (
        [*EXPORT, "--size", "16777217x1", "a.onnx"],
        "float32 is exact on sides up to 16,777,216 pixels",
    ),
    ([*EXPORT, "--size", MANY, "a.onnx"], "--size is '9999999999"),
    (["prove", "--max-size", "100000"], "--max-size is '100000', whose cases take "),
    (["prove", "--max-size", MANY, "--dtype", "int64"], "--max-size is '9999999999"),
    (["sweep", "a.toml", "--workers", "1001"], "give a whole number up to 1000"),
    (["sweep", "a.toml", "--workers", MANY], "give a whole number up to 1000"),
    (["sweep", "a.toml", "--workers", "0"], "--workers is '0'; give a whole number, 1 or more"),
    (["sweep", "a.toml", "--workers", "2", "--scheduler", "tcp://a:1"], "give one"),
    # A canvas that the published positions do not fit on, whatever the task draws.
    ([*RUN, "--size", "5"], "the positions of every task, those of single pixels too, are its cen"),
    # Abbreviations, and values of the wrong kind.
    ([*RUN, "--lr", "0.1"], "unknown option '--lr'; see 'compare run --help'"),
    ([*RUN, "--force=yes"], "argument --force: ignored explicit argument 'yes'"),
    (["results", "--format", "xml"], "unknown format 'xml'"),
    (["completion", "cmd"], "unknown shell 'cmd'"),
    (["report", "absent"], "there is no directory 'absent'; give one that 'compare run' wrote"),
    (["rerun", "absent"], "'compare results' lists them"),
    (["bench", "--figure", "a.txt"], "unknown --figure '.txt'"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), BAD, ids=[ascii(" ".join(a)[-40:]) for a, _ in BAD]
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, compare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("compare.backends.base.host_memory", lambda: 20 * 10**9)
    code, out, err = compare(*arguments)
    assert message in err
    assert (code, out) == (2, "")
    assert err.startswith("compare: ")
    assert err.count("\n") == 1
    assert len(err) < 2100
    assert list(tmp_path.iterdir()) == []  # refused before any work
