"""One engine behind JSON lines: a request a line on stdin, an answer a line on stdout.

  {"choose": ORDER, "in": TEXTS}             tries every plan, keeps the fastest  -> {"plan": NAME}
  {"settle": true}                           frees the plans that nobody chose    -> {}
  {"run": ORDER, "in": TEXTS, "out": FILE}   -> {"seconds": S, "texts": N, "hidden": H}
  {"single": [TEXT, ...]}                    one call each                        -> {"ms": [...]}
  {"rss": true}                              -> {"vmhwm_kb": K}

ORDER is sorted or arrival, TEXTS a JSON file with an array of strings; FILE gets the vectors as
little-endian fp32 [N, H]. Seconds are from strings to vectors: reading TEXTS and writing FILE are
not in them. A first line {"ready": true, "version": V} comes when the model is loaded.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path

from engines import ENGINES
from texts_to_vectors import Pipeline, Texts

ROUNDS = 3


class Server:
    def __init__(self, args):
        tokens = Texts(args.tokenizer, args.max_length)
        engine = ENGINES[args.engine]
        calibration = self.read(args.calibration) if args.calibration else []
        model = engine.prepare(args, tokens, calibration)
        if args.prepare:
            return
        self.engine = engine(args, tokens, model)
        self.pipeline = Pipeline(tokens, self.engine, args.pooling, args.normalize)
        self.opened = set()
        self.chosen = {}
        if args.plan:
            plan = next(p for p in self.engine.plans if p.name == args.plan)
            self.chosen = {"sorted": plan, "arrival": plan}

    @staticmethod
    def read(path):
        return json.loads(Path(path).read_text(encoding="utf-8"))

    def open(self, plan):
        if plan not in self.opened:
            self.pipeline.open(plan)
            self.opened.add(plan)

    def plan(self, order):
        plan = self.chosen.get(order, self.engine.plans[0])
        self.open(plan)
        return plan

    def choose(self, order, texts):
        """The plan with the best time of three rounds in turns, the first run of each not counted."""
        best = {}
        for plan in self.engine.plans:
            self.open(plan)
            self.pipeline.embed(texts, order, plan)
        for _ in range(ROUNDS):
            for plan in self.engine.plans:
                start = time.perf_counter()
                self.pipeline.embed(texts, order, plan)
                seconds = time.perf_counter() - start
                best[plan] = min(best.get(plan, seconds), seconds)
        self.chosen[order] = min(best, key=best.get)
        return {
            "plan": self.chosen[order].name,
            "tried": {plan.name: seconds for plan, seconds in best.items()},
        }

    def settle(self):
        """Closes what nobody chose; a single text goes to a chosen precision's one stream."""
        keep = set(self.chosen.values())
        self.single = next(
            p for p in self.engine.plans if p.streams == 1 and p.precision in {k.precision for k in keep}
        )
        keep.add(self.single)
        for plan in self.opened - keep:
            self.pipeline.close(plan)
        self.opened &= keep
        gc.collect()

    def answer(self, request):
        if "choose" in request:
            return self.choose(request["choose"], self.read(request["in"]))
        if "settle" in request:
            self.settle()
            return {}
        if "run" in request:
            texts = self.read(request["in"])
            plan = self.plan(request["run"])
            gc.collect()
            start = time.perf_counter()
            vectors = self.pipeline.embed(texts, request["run"], plan)
            seconds = time.perf_counter() - start
            if request.get("out"):
                vectors.astype("<f4").tofile(request["out"])
            return {"seconds": seconds, "texts": len(vectors), "hidden": vectors.shape[1]}
        if "single" in request:
            self.open(self.single)
            ms = []
            for text in request["single"]:
                start = time.perf_counter()
                self.pipeline.embed([text], "arrival", self.single)
                ms.append((time.perf_counter() - start) * 1e3)
            return {"ms": ms}
        if "rss" in request:
            status = Path("/proc/self/status").read_text()
            return {"vmhwm_kb": int(status.split("VmHWM:")[1].split()[0])}
        raise ValueError(f"unknown request: {sorted(request)}")


def serve(args):
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        server = Server(args)
        if args.prepare:
            say({"ready": True})
            return
        say({"ready": True, "version": server.engine.version})
        for line in sys.stdin:
            say(server.answer(json.loads(line)))
    except (SystemExit, Exception) as failure:  # the reason goes to whoever waits for an answer
        say({"error": f"{type(failure).__name__}: {failure}"})
        raise
