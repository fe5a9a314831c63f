"""Models as the peers want them, made once from the ONNX file and kept under models/."""

import hashlib
import importlib.metadata
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from texts_to_vectors import pad

CALIBRATION = 128


def once(args, engine, packages, extra, make):
    """The folder that make(folder) filled, now or before; half-made ones never count."""
    digest = hashlib.sha256()
    with open(args.onnx, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    versions = [f"{p} {importlib.metadata.version(p)}" for p in packages]
    digest.update(repr((versions, extra)).encode())
    folder = Path(args.home) / "models" / f"{engine}-{args.dtype}-{digest.hexdigest()[:16]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            make(made)
            os.rename(made, folder)
        except BaseException:
            shutil.rmtree(made)
            raise
    return folder


def openvino_int8(args, texts, calibration):
    """Post-training quantization as OpenVINO's documentation advises for transformers.

    Activations get static scales from `calibration`: texts out of the measured ones, evenly taken.
    """
    step = max(1, len(calibration) // CALIBRATION)
    sample = calibration[::step][:CALIBRATION]

    def make(folder):
        import nncf
        import openvino as ov

        model = ov.Core().read_model(args.onnx)
        typed = any("token_type_ids" in i.names for i in model.inputs)

        def inputs(sequence):
            ids, mask = pad([sequence])
            given = {"input_ids": ids, "attention_mask": mask}
            if typed:
                given["token_type_ids"] = np.zeros_like(ids)
            return given

        quantized = nncf.quantize(
            model,
            nncf.Dataset(texts.ids(sample), inputs),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(sample),
        )
        ov.save_model(quantized, folder / "model.xml", compress_to_fp16=False)

    return once(args, "openvino", ["openvino", "nncf"], sample, make) / "model.xml"


class OnnxBert:
    """The weights of a BERT encoder by their PyTorch names, from an export of torch.onnx.

    Such a file keeps the names of biases, embeddings and LayerNorms; a weight matrix is known by
    the bias that is added to its product.
    """

    def __init__(self, path):
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(path).graph
        # Copies: views of the file are read-only, and quantizers write in place.
        self.tensors = {t.name: np.array(numpy_helper.to_array(t)) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value":
                        self.tensors[node.output[0]] = numpy_helper.to_array(attribute.t)
        self.producer = {o: n for n in graph.node for o in n.output}
        self.consumers = {}
        for node in graph.node:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        self.prefix = next(
            n[: -len("embeddings.word_embeddings.weight")]
            for n in self.tensors
            if n.endswith("embeddings.word_embeddings.weight")
        )
        layers = {
            int(n[len(self.prefix) :].split(".")[2])
            for n in self.tensors
            if n.startswith(self.prefix + "encoder.layer.")
        }
        self.layers = len(layers)
        self.hidden = self.get("embeddings.word_embeddings.weight").shape[1]
        self.heads = self.hidden // self.head_size()
        self.epsilon = self.layer_norm_epsilon()
        if not any(n.op_type in ("Erf", "Gelu") for n in graph.node):
            raise SystemExit(f"peers: ctranslate2: {path}: only BERT with erf GELU can be converted")

    def get(self, name):
        return self.tensors[self.prefix + name]

    def linear(self, name):
        """Weight [out, in] and bias [out]."""
        bias = self.prefix + name + ".bias"
        add = next(n for n in self.consumers[bias] if n.op_type == "Add")
        product = self.producer[next(i for i in add.input if i != bias)]
        weight = self.tensors[product.input[1]]
        return np.ascontiguousarray(weight.T), self.tensors[bias]

    def head_size(self):
        """The last entry of the shape that queries are reshaped to."""
        name = self.prefix + "encoder.layer.0.attention.self.query.bias"
        add = next(n for n in self.consumers[name] if n.op_type == "Add")
        reshape = next(n for n in self.consumers[add.output[0]] if n.op_type == "Reshape")
        shape = reshape.input[1]
        if shape not in self.tensors:
            shape = self.producer[shape].input[-1]
        return int(self.tensors[shape].reshape(-1)[-1])

    def layer_norm_epsilon(self):
        name = self.prefix + "embeddings.LayerNorm.weight"
        node = self.consumers[name][0]
        if node.op_type == "LayerNormalization":
            return next(a.f for a in node.attribute if a.name == "epsilon")
        # Mul(Div(x, Sqrt(Add(variance, epsilon))), weight)
        quotient = self.producer[next(i for i in node.input if i != name)]
        add = self.producer[self.producer[quotient.input[1]].input[0]]
        return float(next(self.tensors[i] for i in add.input if i in self.tensors))


def hidden_size(path):
    """Columns of the ONNX file's token states."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    shapes = [o.type.tensor_type.shape.dim for o in graph.output]
    return next(s[2].dim_value for s in shapes if len(s) == 3)


def ctranslate2_model(args, texts):
    """What ctranslate2-transformers-converter writes for BertModel, without transformers."""

    def make(folder):
        from ctranslate2.converters import utils
        from ctranslate2.specs import common_spec, transformer_spec

        bert = OnnxBert(args.onnx)
        encoder = transformer_spec.TransformerEncoderSpec(
            bert.layers,
            bert.heads,
            pre_norm=False,
            activation=common_spec.Activation.GELU,
            layernorm_embedding=True,
            num_source_embeddings=2,
            embeddings_merge=common_spec.EmbeddingsMerge.ADD,
        )
        encoder.scale_embeddings = False

        def linear(spec, name):
            spec.weight, spec.bias = bert.linear(name)

        def norm(spec, name):
            spec.gamma, spec.beta = bert.get(name + ".weight"), bert.get(name + ".bias")

        words, types = encoder.embeddings
        words.weight = bert.get("embeddings.word_embeddings.weight")
        types.weight = bert.get("embeddings.token_type_embeddings.weight")
        encoder.position_encodings.encodings = bert.get("embeddings.position_embeddings.weight")
        norm(encoder.layernorm_embedding, "embeddings.LayerNorm")
        for i, layer in enumerate(encoder.layer):
            at = f"encoder.layer.{i}."
            split = [common_spec.LinearSpec() for _ in range(3)]
            for spec, part in zip(split, ("query", "key", "value")):
                linear(spec, at + "attention.self." + part)
            utils.fuse_linear(layer.self_attention.linear[0], split)
            linear(layer.self_attention.linear[1], at + "attention.output.dense")
            norm(layer.self_attention.layer_norm, at + "attention.output.LayerNorm")
            linear(layer.ffn.linear_0, at + "intermediate.dense")
            linear(layer.ffn.linear_1, at + "output.dense")
            norm(layer.ffn.layer_norm, at + "output.LayerNorm")

        spec = transformer_spec.TransformerEncoderModelSpec(encoder)
        spec.config.unk_token = "[UNK]"
        spec.config.layer_norm_epsilon = bert.epsilon
        spec.register_vocabulary(texts.vocabulary(words.weight.shape[0]))
        spec.validate()
        spec.optimize(quantization="int8" if args.dtype == "int8" else None)
        spec.save(str(folder))

    return once(args, "ctranslate2", ["ctranslate2"], None, make)
