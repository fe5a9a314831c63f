"""OpenVINO and CTranslate2 as a careful user would use them on one CPU."""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import convert
from texts_to_vectors import pad


@dataclass(frozen=True)
class Plan:
    """One way of using the threads; which is fastest is found by trying."""

    name: str
    streams: int
    threads: int
    precision: str


def ways(threads):
    """(streams, threads of each): all threads on one batch, or each on a batch of its own."""
    return [(1, threads)] if threads == 1 else [(1, threads), (threads, 1)]


class OpenVino:
    """Reads the ONNX file; int8 is NNCF's post-training quantization of it."""

    # On processors that have bf16, OpenVINO would use it unasked.
    HINTS = {"fp32": ["f32"], "bf16": ["bf16"], "int8": ["f32", "bf16"]}

    @staticmethod
    def prepare(args, texts, calibration):
        if args.dtype == "int8":
            return convert.openvino_int8(args, texts, calibration)
        return Path(args.onnx)

    def __init__(self, args, texts, model):
        import openvino as ov

        self.version = "openvino " + ov.__version__.split("-")[0]
        self.core = ov.Core()
        capable = "BF16" in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        hints = [h for h in self.HINTS[args.dtype] if h != "bf16" or capable]
        if not hints:
            raise SystemExit("peers: openvino: this processor has no bf16")
        self.model = self.core.read_model(model)
        states = next(o for o in self.model.outputs if len(o.partial_shape) == 3)
        self.hidden = states.partial_shape[2].get_length()
        self.output = self.model.outputs.index(states)
        self.names = {n for i in self.model.inputs for n in i.names}
        self.plans = [
            Plan(f"{hint}, {s} x {t} threads", s, t, hint)
            for hint in hints
            for s, t in ways(args.threads)
        ]
        self.compiled = {}
        self.requests = threading.local()

    def open(self, plan):
        self.compiled[plan] = self.core.compile_model(
            self.model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": plan.streams * plan.threads,
                "NUM_STREAMS": plan.streams,
                "INFERENCE_PRECISION_HINT": plan.precision,
            },
        )

    def close(self, plan):
        self.requests = threading.local()
        del self.compiled[plan]

    def states(self, plan, sequences):
        mine = self.requests.__dict__
        if plan not in mine:
            mine[plan] = self.compiled[plan].create_infer_request()
        ids, mask = pad(sequences)
        inputs = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self.names:
            inputs["token_type_ids"] = np.zeros_like(ids)
        result = mine[plan].infer(inputs, share_inputs=True, share_outputs=True)
        return result[self.output]


class CTranslate2:
    """Runs its own format, written from the ONNX file's weights; int8 is quantized by itself."""

    TYPES = {"fp32": "float32", "int8": "int8_float32", "bf16": "bfloat16"}

    @staticmethod
    def prepare(args, texts, calibration):
        return convert.ctranslate2_model(args, texts)

    def __init__(self, args, texts, model):
        import ctranslate2

        self.version = "ctranslate2 " + ctranslate2.__version__
        self.type = self.TYPES[args.dtype]
        known = ctranslate2.get_supported_compute_types("cpu")
        if self.type not in known:
            raise SystemExit(f"peers: ctranslate2: no {self.type} on this CPU, only {sorted(known)}")
        self.path = str(model)
        self.hidden = convert.hidden_size(args.onnx)
        self.plans = [Plan(f"{s} x {t} threads", s, t, self.type) for s, t in ways(args.threads)]
        self.encoders = {}

    def open(self, plan):
        import ctranslate2

        self.encoders[plan] = ctranslate2.Encoder(
            self.path,
            device="cpu",
            compute_type=plan.precision,
            inter_threads=plan.streams,
            intra_threads=plan.threads,
        )

    def close(self, plan):
        del self.encoders[plan]

    def states(self, plan, sequences):
        # It pads by itself, and computes its linears without the padding.
        return np.asarray(self.encoders[plan].forward_batch(sequences).last_hidden_state)


ENGINES = {"openvino": OpenVino, "ctranslate2": CTranslate2}
