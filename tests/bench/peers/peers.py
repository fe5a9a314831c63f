"""The command behind tests/bench/peers/run: see README.md."""

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

VERSION = "1.20.0-beta30"
# The short names of java/hub's table: artifact, pooling, longest input.
SHORT = {
    "all-minilm-l6-v2": ("all-minilm-l6-v2", "mean", 256),
    "bge-small-en-v1.5": ("bge-small-en-v15", "cls", 512),
    "bge-small-zh-v1.5": ("bge-small-zh-v15", "cls", 512),
}
ORDERS = ("sorted", "arrival")
SINGLE = [
    "Where is the nearest railway station?",
    "The soup was cold and the waiter did not care.",
    "How do I reset my password?",
    "Apples ripen earlier against a south wall.",
    "Shipping to the islands takes five working days.",
    "A small bug fix for the date parser.",
    "She plays the cello in a string quartet.",
    "Rain is expected in the evening.",
]


def arguments():
    parser = argparse.ArgumentParser(
        prog="tests/bench/peers/run",
        description="Runs OpenVINO and CTranslate2, from strings to vectors, and prints how fast.",
    )
    parser.add_argument("--model", help="a short name, a jar, an ONNX file or a directory with one")
    parser.add_argument("--in", dest="input", help="the texts, one a line")
    parser.add_argument("--dtype", choices=("fp32", "bf16", "int8"), default="fp32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peers", default="openvino,ctranslate2", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the order within rounds")
    parser.add_argument("--pooling", choices=("mean", "cls"), help="default: the short name's, or mean")
    parser.add_argument("--max-length", type=int, help="default: the short name's, or 512")
    parser.add_argument("--no-normalize", dest="normalize", action="store_false")
    parser.add_argument("--vectors", help="a folder for each row's vectors, as NAME.npy")
    parser.add_argument("--reference", help="vectors [texts, hidden] as .npy: cosines to these")
    parser.add_argument("--json", help="write the figures here as well")
    parser.add_argument("--home", required=True, help=argparse.SUPPRESS)
    # A child of `compare` or of this command: see serve.py.
    for name in ("--engine", "--onnx", "--tokenizer", "--calibration", "--plan"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads < 1 or args.rounds < 1:
        parser.error("--threads and --rounds must be at least 1")
    if not args.serve and not (args.model and args.input):
        parser.error("--model and --in are needed")
    return args


def find(args):
    """Sets args.onnx and args.tokenizer; what a jar holds is unpacked below --home."""
    path = Path(args.model)
    if not path.exists():
        if args.model not in SHORT:
            raise SystemExit(f"peers: {args.model}: no such file, and not one of {sorted(SHORT)}")
        artifact, pooling, longest = SHORT[args.model]
        artifact = "langchain4j-embeddings-" + artifact
        path = Path.home() / ".m2/repository/dev/langchain4j" / artifact / VERSION
        path = path / f"{artifact}-{VERSION}.jar"
        if not path.exists():
            raise SystemExit(
                f"peers: {path} is not there; run tests/bench/compare with --model {args.model}"
                " once, which fetches it, or give --model the file"
            )
        args.pooling = args.pooling or pooling
        args.max_length = args.max_length or longest
    args.pooling = args.pooling or "mean"
    args.max_length = args.max_length or 512
    if path.suffix == ".jar":
        path = unpack(path, Path(args.home) / "unpacked")
    folder = path if path.is_dir() else path.parent
    onnx = [path] if path.is_file() else sorted(folder.rglob("*.onnx"))
    stem = onnx[0].name.removesuffix(".onnx") if onnx else ""
    names = (f"{stem}-tokenizer.json", "tokenizer.json")
    tokenizer = [folder / n for n in names if (folder / n).exists()]
    if not onnx or not tokenizer:
        raise SystemExit(f"peers: {folder}: needs an .onnx file and a tokenizer.json")
    args.onnx, args.tokenizer = str(onnx[0]), str(tokenizer[0])


def unpack(jar, below):
    with open(jar, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = below / digest[:16]
    if not folder.exists():
        below.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=below))
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                for wanted, to in ((".onnx", "model.onnx"), ("tokenizer.json", "tokenizer.json")):
                    if name.endswith(wanted):
                        (part / to).write_bytes(archive.read(name))
        os.rename(part, folder)
    return folder


class Child:
    """A process that runs one engine."""

    def __init__(self, args, engine, calibration, *more):
        command = [sys.executable, "-B", __file__, "--serve", "--home", args.home]
        command += ["--engine", engine, "--dtype", args.dtype, "--onnx", args.onnx]
        command += ["--tokenizer", args.tokenizer, "--pooling", args.pooling]
        command += ["--max-length", str(args.max_length), "--threads", str(args.threads)]
        command += ["--calibration", calibration, *more]
        if not args.normalize:
            command.append("--no-normalize")
        self.engine = engine
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.version = self.read().get("version")

    def read(self):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "ended without an answer"}
        if "error" in answer:
            raise SystemExit(f"peers: {self.engine}: {answer['error']}")
        return answer

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def progress(what):
    print("peers: " + what, file=sys.stderr, flush=True)


def cosines(a, b):
    import numpy as np

    if a.shape != b.shape:
        raise SystemExit(f"peers: the reference is {list(b.shape)}, these vectors {list(a.shape)}")
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def measure(args, scratch):
    import numpy as np

    lines = Path(args.input).read_text(encoding="utf-8").split("\n")
    texts = [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
    everything, sample = str(scratch / "texts.json"), str(scratch / "sample.json")
    Path(everything).write_text(json.dumps(texts), encoding="utf-8")
    n = min(64, len(texts))
    few = [texts[i * len(texts) // n] for i in range(n)]
    Path(sample).write_text(json.dumps(few), encoding="utf-8")

    from texts_to_vectors import Texts

    lengths = [len(i) for i in Texts(args.tokenizer, args.max_length).ids(texts)]
    children, plans = {}, {}
    for engine in args.peers.split(","):
        progress(f"{engine}: converting, loading, trying its plans")
        Child(args, engine, everything, "--prepare").close()
        child = children[engine] = Child(args, engine, everything)
        for order in ORDERS:
            plans[f"{engine}_{order}"] = child.ask(choose=order, **{"in": sample})
        child.ask(settle=True)

    rows = [(engine, order) for engine in children for order in ORDERS]
    seconds = {row: [] for row in rows}
    vectors = {}
    draw = random.Random(args.seed)
    # Round 0 warms up.
    for r in range(args.rounds + 1):
        progress(f"round {r} of {args.rounds}")
        draw.shuffle(rows)
        for engine, order in rows:
            time.sleep(0.3)
            out = str(scratch / f"{engine}_{order}.f32")
            answer = children[engine].ask(run=order, out=out, **{"in": everything})
            if r:
                seconds[engine, order].append(answer["seconds"])
            vectors[engine, order] = np.fromfile(out, "<f4").reshape(answer["texts"], answer["hidden"])

    figures = {}
    for engine, child in children.items():
        child.ask(single=SINGLE)
        single = child.ask(single=SINGLE * 25)["ms"]
        for order in ORDERS:
            key = f"{engine}_{order}"
            plan = plans[key]["plan"]
            alone = Child(args, engine, everything, "--plan", plan)
            alone.ask(run=order, **{"in": everything})
            median = statistics.median(seconds[engine, order])
            figures[key] = {
                "tokens_per_s": sum(lengths) / median,
                "texts_per_s": len(texts) / median,
                "p50_ms": statistics.median(single),
                "p99_ms": sorted(single)[round(0.99 * len(single)) - 1],
                "rss_mb": alone.ask(rss=True)["vmhwm_kb"] / 1024,
                "version": child.version,
                "plan": plan,
                "tried": plans[key]["tried"],
            }
            alone.close()
        child.close()

    if args.vectors:
        Path(args.vectors).mkdir(parents=True, exist_ok=True)
        for (engine, order), v in vectors.items():
            np.save(Path(args.vectors) / f"{engine}_{order}.npy", v)
    if args.reference:
        reference = np.load(args.reference)
        for (engine, order), v in vectors.items():
            cosine = cosines(v, reference)
            figures[f"{engine}_{order}"]["cosine"] = {
                "min": float(cosine.min()),
                "mean": float(cosine.mean()),
            }
    figures["run"] = {
        "model": args.model,
        "file": Path(args.input).name,
        "dtype": args.dtype,
        "threads": args.threads,
        "rounds": args.rounds,
        "seed": args.seed,
        "texts": len(texts),
        "tokens": sum(lengths),
    }
    return figures


def table(figures):
    run = figures["run"]
    print(
        f"\n{run['model']}, {run['dtype']}, {run['threads']} threads, {run['texts']} texts,"
        f" {run['tokens']} tokens; {run['rounds']} rounds\n"
    )
    print(f"{'':52}{'tokens/s':>10}{'texts/s':>9}{'p50 ms':>8}{'p99 ms':>8}{'RSS MB':>8}  cosine")
    for key, row in figures.items():
        if key == "run":
            continue
        label = f"{row['version']} {key.split('_')[1]}, {row['plan']}"
        cosine = row.get("cosine")
        print(
            f"{label:52}{row['tokens_per_s']:10.0f}{row['texts_per_s']:9.1f}{row['p50_ms']:8.2f}"
            f"{row['p99_ms']:8.2f}{row['rss_mb']:8.0f}"
            + (f"  min {cosine['min']:.4f} mean {cosine['mean']:.4f}" if cosine else "")
        )


def main():
    args = arguments()
    if args.serve:
        from serve import serve

        serve(args)
        return
    from engines import ENGINES

    for peer in args.peers.split(","):
        if peer not in ENGINES:
            raise SystemExit(f"peers: --peers {peer}: not one of {sorted(ENGINES)}")
    find(args)
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(args, Path(scratch))
    table(figures)
    if args.json:
        part = Path(args.json + ".part")
        part.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        os.replace(part, args.json)


main()
