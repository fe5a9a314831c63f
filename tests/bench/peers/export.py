"""The command behind tests/bench/peers/export: see README.md."""

import argparse
import json
import math
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

OPSET = 17


class Graph:
    """Nodes and constants as they are added; the operators are those that torch.onnx writes."""

    def __init__(self, weights):
        # with a head transformers puts the encoder's tensors under "bert."
        self.weights = {name.removeprefix("bert."): value for name, value in weights.items()}
        self.nodes, self.constants = [], {}

    def constant(self, name, value):
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def weight(self, name, transposed=False):
        value = self.weights[name].astype(np.float32)
        return self.constant(name, value.T if transposed else value)

    def add(self, operator, *inputs, **attributes):
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def ints(self, *values):
        name = "ints_" + "_".join(str(v) for v in values)
        return self.constant(name, np.array(values, np.int64))

    def number(self, value):
        return self.constant(f"number_{value!r}", np.array(value, np.float32))

    def linear(self, x, name):
        product = self.add("MatMul", x, self.weight(name + ".weight", transposed=True))
        return self.add("Add", product, self.weight(name + ".bias"))

    def norm(self, x, name, epsilon):
        scale, bias = self.weight(name + ".weight"), self.weight(name + ".bias")
        return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)

    def gelu(self, x):
        erf = self.add("Erf", self.add("Div", x, self.number(math.sqrt(2))))
        return self.add("Mul", self.add("Mul", x, self.add("Add", erf, self.number(1.0))), self.number(0.5))


def encoder(g, config):
    epsilon = config["layer_norm_eps"]
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    size = hidden // heads
    words = g.add("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids")
    types = g.add("Gather", g.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    # positions 0 .. length of the batch
    length = g.add("Gather", g.add("Shape", "input_ids"), g.constant("one", np.array(1, np.int64)), axis=0)
    end = g.add("Unsqueeze", length, g.ints(0))
    table = g.constant("position_ids", np.arange(config["max_position_embeddings"])[None])
    places = g.add("Slice", table, g.ints(0), end, g.ints(1))
    positions = g.add("Gather", g.weight("embeddings.position_embeddings.weight"), places)
    x = g.norm(g.add("Add", g.add("Add", words, types), positions), "embeddings.LayerNorm", epsilon)

    wide = g.add("Unsqueeze", g.add("Unsqueeze", "attention_mask", g.ints(1)), g.ints(2))
    keep = g.add("Cast", wide, to=TensorProto.FLOAT)
    lowest = g.number(float(np.finfo(np.float32).min))
    mask = g.add("Mul", g.add("Sub", g.number(1.0), keep), lowest)

    def split(x, name, order):
        parts = g.add("Reshape", g.linear(x, name), g.ints(0, 0, heads, size))
        return g.add("Transpose", parts, perm=order)

    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}."
        q = split(x, at + "attention.self.query", [0, 2, 1, 3])
        k = split(x, at + "attention.self.key", [0, 2, 3, 1])
        v = split(x, at + "attention.self.value", [0, 2, 1, 3])
        scores = g.add("Div", g.add("MatMul", q, k), g.number(math.sqrt(size)))
        weights = g.add("Softmax", g.add("Add", scores, mask), axis=-1)
        context = g.add("Transpose", g.add("MatMul", weights, v), perm=[0, 2, 1, 3])
        context = g.add("Reshape", context, g.ints(0, 0, hidden))
        attended = g.add("Add", g.linear(context, at + "attention.output.dense"), x)
        h = g.norm(attended, at + "attention.output.LayerNorm", epsilon)
        inner = g.gelu(g.linear(h, at + "intermediate.dense"))
        x = g.norm(g.add("Add", g.linear(inner, at + "output.dense"), h), at + "output.LayerNorm", epsilon)
    return x


def outputs(g, x, config):
    """The names of the outputs, with their shapes."""
    architecture = (config.get("architectures") or ["BertModel"])[0]
    if architecture == "BertForSequenceClassification":
        first = g.add("Gather", x, g.constant("zero", np.array(0, np.int64)), axis=1)
        pooled = g.add("Tanh", g.linear(first, "pooler.dense"))
        classes = g.weights["classifier.weight"].shape[0]
        return {"logits": (g.linear(pooled, "classifier"), ["batch", classes])}
    if architecture == "BertForQuestionAnswering":
        # start and end side by side, as the layer gives them
        return {"logits": (g.linear(x, "qa_outputs"), ["batch", "sequence", 2])}
    return {"last_hidden_state": (x, ["batch", "sequence", config["hidden_size"]])}


def network(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["hidden_act"] != "gelu" or config.get("pruned_heads"):
        raise SystemExit("export: only BERT with erf gelu and all its heads can be exported")
    g = Graph(load_file(folder / "model.safetensors"))
    x = encoder(g, config)
    results = []
    for name, (value, shape) in outputs(g, x, config).items():
        g.nodes.append(helper.make_node("Identity", [value], [name]))
        results.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    inputs = [
        helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "sequence"])
        for n in ("input_ids", "attention_mask", "token_type_ids")
    ]
    graph = helper.make_graph(g.nodes, "bert", inputs, results, list(g.constants.values()))
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="espalier-bench")
    onnx.checker.check_model(model)
    return model


def tokenizer(folder, out):
    if (folder / "tokenizer.json").exists():
        shutil.copyfile(folder / "tokenizer.json", out)
        return
    from tokenizers import BertWordPieceTokenizer

    settings = folder / "tokenizer_config.json"
    lower = True
    if settings.exists():
        lower = json.loads(settings.read_text(encoding="utf-8")).get("do_lower_case", True)
    BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lower).save(str(out))


def main():
    parser = argparse.ArgumentParser(
        prog="tests/bench/peers/export",
        description="Writes a BERT from a Hugging Face directory as ONNX, with its tokenizer.json.",
    )
    parser.add_argument("--int8", action="store_true", help="quantized by ONNX Runtime's quantize_dynamic")
    parser.add_argument("folder", type=Path, help="config.json, model.safetensors, tokenizer files")
    parser.add_argument("out", type=Path, help="a folder that does not exist")
    args = parser.parse_args()
    made = Path(tempfile.mkdtemp(dir=args.out.parent))
    try:
        model = network(args.folder)
        onnx.save(model, made / "model.onnx")
        if args.int8:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            os.rename(made / "model.onnx", made / "full.onnx")
            quantize_dynamic(
                made / "full.onnx",
                made / "model.onnx",
                per_channel=True,
                weight_type=QuantType.QInt8,
                # On processors without VNNI the products of two bytes saturate at 16 bits.
                reduce_range=True,
            )
            os.remove(made / "full.onnx")
        tokenizer(args.folder, made / "tokenizer.json")
        os.rename(made, args.out)
    except BaseException:
        shutil.rmtree(made)
        raise


main()
