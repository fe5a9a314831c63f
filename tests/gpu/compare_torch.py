#!/usr/bin/env python3
"""PyTorch and cuBLASLt on the shapes that DeviceBench timed, on the same card, and the ratios.

    compare_torch.py BENCH.json OUT.json

Above 1 a ratio means that Espalier is faster. Compared are: fp16 products with torch.mm (cuBLASLt or cuBLAS); int8
products with torch._int_mm (cuBLASLt, s8 x s8 to s32, without the quantization and the epilogue that ours include);
attention with PyTorch's own variable-length flash kernel; and BERT encoders in fp16, (a) padded in the order of
arrival, (b) the faster of sorted by length and compiled, and variable-length without padding.
"""
import json
import math
import sys

import torch
import torch.nn.functional as F

WARM, ROUNDS, REPEAT = 3, 7, 20


def seconds(body, repeat=REPEAT):
    """Median over rounds of the time of one call, by events."""
    for _ in range(WARM):
        body()
    torch.cuda.synchronize()
    times = []
    for _ in range(ROUNDS):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(repeat):
            body()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1e3 / repeat)
    return sorted(times)[len(times) // 2]


def products(bench):
    rows = []
    for p in bench["products"]:
        m, n, k = p["m"], p["n"], p["k"]
        if p["dtype"] == "I8":
            x = torch.randint(-127, 128, (m, k), dtype=torch.int8, device="cuda")
            w = torch.randint(-127, 128, (n, k), dtype=torch.int8, device="cuda")
            what, body = "torch._int_mm", lambda: torch._int_mm(x, w.t())
        elif p["dtype"] in ("F16", "BF16"):
            dtype = torch.float16 if p["dtype"] == "F16" else torch.bfloat16
            x = torch.randn(m, k, device="cuda").to(dtype)
            w = torch.randn(n, k, device="cuda").to(dtype)
            b = torch.randn(n, device="cuda").to(dtype)
            what, body = "torch.nn.functional.linear", lambda: F.linear(x, w, b)
        else:
            x, w = torch.randn(m, k, device="cuda"), torch.randn(n, k, device="cuda")
            what, body = "torch.mm, TF32 off", lambda: torch.mm(x, w.t())
        theirs = seconds(body)
        rows.append({**p, "peer": what, "peer_seconds": theirs, "ratio": theirs / p["seconds"]})
    return rows


def offsets_of(lengths):
    total = [0]
    for length in lengths:
        total.append(total[-1] + length)
    return torch.tensor(total, dtype=torch.int32, device="cuda")


def flash(q, k, v, offsets, longest):
    """PyTorch's variable-length flash attention: q, k, v [T, heads, width]."""
    return torch.ops.aten._flash_attention_forward(
        q, k, v, offsets, offsets, longest, longest, 0.0, False, False, scale=1 / math.sqrt(q.shape[-1]))[0]


def attention(bench):
    lengths = bench["lengths"]
    offsets, longest, rows = offsets_of(lengths), max(lengths), []
    for a in bench["attention"]:
        if a["dtype"] == "F32":
            continue
        dtype = torch.float16 if a["dtype"] == "F16" else torch.bfloat16
        q, k, v = (torch.randn(sum(lengths), a["heads"], a["width"], device="cuda").to(dtype) for _ in range(3))
        theirs = seconds(lambda: flash(q, k, v, offsets, longest))
        rows.append({**a, "peer": "aten::_flash_attention_forward", "peer_seconds": theirs,
                     "ratio": theirs / a["seconds"]})
    return rows


class Encoder(torch.nn.Module):
    """BERT's encoder, post-norm, without dropout; attention is given."""

    def __init__(self, layers, hidden, heads):
        super().__init__()
        self.heads = heads
        self.embedding = torch.nn.Embedding(30522, hidden)
        self.positions = torch.nn.Embedding(512, hidden)
        self.norm = torch.nn.LayerNorm(hidden)
        self.layers = torch.nn.ModuleList(torch.nn.ModuleDict({
            "qkv": torch.nn.Linear(hidden, 3 * hidden),
            "out": torch.nn.Linear(hidden, hidden),
            "norm": torch.nn.LayerNorm(hidden),
            "intermediate": torch.nn.Linear(hidden, 4 * hidden),
            "output": torch.nn.Linear(4 * hidden, hidden),
            "output_norm": torch.nn.LayerNorm(hidden),
        }) for _ in range(layers))

    def forward(self, ids, positions, attend):
        x = self.norm(self.embedding(ids) + self.positions(positions))
        for layer in self.layers:
            shape = (*x.shape[:-1], 3, self.heads, x.shape[-1] // self.heads)
            q, k, v = layer["qkv"](x).view(shape).unbind(-3)
            x = layer["norm"](x + layer["out"](attend(q, k, v).reshape(x.shape)))
            x = layer["output_norm"](x + layer["output"](F.gelu(layer["intermediate"](x))))
        return x


def padded_batches(lengths, tokens):
    """Batches whose padded size is at most `tokens`, in the order given."""
    batches, current = [], []
    for length in lengths:
        if current and max(current + [length]) * (len(current) + 1) > tokens:
            batches.append(current)
            current = []
        current.append(length)
    return batches + [current]


def run_padded(model, lengths, tokens):
    work = []
    for batch in padded_batches(lengths, tokens):
        longest = max(batch)
        ids = torch.randint(0, 30000, (len(batch), longest), device="cuda")
        positions = torch.arange(longest, device="cuda").expand(len(batch), longest)
        mask = (positions < torch.tensor(batch, device="cuda")[:, None])[:, None, None, :]
        work.append((ids, positions, mask))

    def body():
        for ids, positions, mask in work:
            def attend(q, k, v, mask=mask):
                y = F.scaled_dot_product_attention(
                    q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask)
                return y.transpose(1, 2)
            model(ids, positions, attend)
    return seconds(body, 1)


def run_compiled(model, lengths, tokens):
    """The same, compiled, lengths rounded up to 16 so that it is compiled for few shapes."""
    compiled = torch.compile(model, dynamic=True)
    return run_padded(compiled, [-(-length // 16) * 16 for length in lengths], tokens)


def run_packed(model, lengths):
    offsets, longest = offsets_of(lengths), max(lengths)
    ids = torch.randint(0, 30000, (sum(lengths),), device="cuda")
    positions = torch.cat([torch.arange(length, device="cuda") for length in lengths])
    return seconds(lambda: model(ids, positions, lambda q, k, v: flash(q, k, v, offsets, longest)), 1)


def encoders(bench):
    lengths, rows, peers = bench["lengths"], [], {}
    for e in bench["encoders"]:
        shape = e["shape"]
        if shape not in peers:
            hidden, heads, layers = (1024, 16, 24) if shape == "large" else (768, 12, 12)
            model = Encoder(layers, hidden, heads).half().cuda().eval()
            padded = run_padded(model, lengths, 32768)
            best = {"packed": run_packed(model, lengths)}
            try:
                best["sorted, compiled"] = run_compiled(model, sorted(lengths), 32768)
            except Exception as error:  # without a C compiler, for instance
                print(f"torch.compile: {error}", file=sys.stderr)
                best["sorted"] = run_padded(model, sorted(lengths), 32768)
            peers[shape] = padded, min(best, key=best.get), min(best.values())
        padded, name, best = peers[shape]
        rows.append({**e, "padded_seconds": padded, "ratio_padded": padded / e["seconds"], "best": name,
                     "best_seconds": best, "ratio_best": best / e["seconds"]})
    return rows


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        bench = json.load(f)
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    result = {"torch": torch.__version__, "cuda": torch.version.cuda, "card": torch.cuda.get_device_name()}
    print(f"PyTorch {result['torch']}, CUDA {result['cuda']}, {result['card']}; above 1: Espalier is faster")
    with torch.inference_mode():
        for name, part in (("products", products), ("attention", attention), ("encoders", encoders)):
            try:
                result[name] = part(bench)
            except Exception as error:  # one that fails must not hide the others
                result[name] = f"failed: {error}"
                print(f"{name} failed: {error}")
                continue
            for row in result[name]:
                print(name, {k: round(v, 7) if isinstance(v, float) else v for k, v in row.items()})
            # Written as it grows: a run that is stopped leaves what it has.
            with open(sys.argv[2], "w", encoding="utf-8") as f:
                json.dump(result, f, indent=2)
    half = {(a["dtype"], a["heads"]): a["seconds"] for a in bench["attention"]}
    for dtype in ("F16", "BF16"):
        if (dtype, 6) in half and (dtype, 12) in half:
            print(f"attention with half the heads, {dtype}: {half[dtype, 6] / half[dtype, 12]:.3f} of the time")
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        json.dump(result, f, indent=2)
    sys.exit(any(isinstance(v, str) and v.startswith("failed") for v in result.values()))


if __name__ == "__main__":
    main()
