#!/usr/bin/env python3
"""Encodes texts with Hugging Face tokenizers, for the tests of dev.espalier.text.

  pip install tokenizers==0.23.*
  python tests/golden/wordpiece_sample.py sample  ../shared tests/golden
  python tests/golden/wordpiece_sample.py random  ../shared FOLDER LINES SEED

Both write wordpiece-sample.jsonl, in the format of ../shared/golden-text/wordpiece.jsonl ("vocab" names the tokenizer),
and one wordpiece-NAME.tokenizer.json for each tokenizer. `sample` takes the vocabularies down to the pieces that
its texts need; `random` keeps them whole and makes every text up.
"""
import json
import random
import sys
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIAL = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
ADDED = [
    AddedToken("<left>", lstrip=True, normalized=False, special=True),
    AddedToken("<right>", rstrip=True, normalized=False, special=True),
    AddedToken("Wörd", single_word=True, normalized=True),
    AddedToken("alone", single_word=True, normalized=False),
    AddedToken("alonesome", normalized=False),
    AddedToken("Çafé Bar", lstrip=True, rstrip=True, normalized=True),
    AddedToken("中文", normalized=True),
]
# name: vocabulary, clean_text, handle_chinese_chars, strip_accents, lowercase, added tokens, post-processor
TOKENIZERS = {
    "uncased": ("uncased", True, True, None, True, [], "template"),
    "cased": ("cased", True, True, None, False, [], "bert"),
    "accents": ("cased", True, False, True, False, [], "template"),
    "lower": ("uncased", False, True, False, True, [], "none"),
    "added": ("uncased", True, True, None, True, ADDED, "template"),
    "raw": ("cased", False, False, False, False, ADDED[:5], "odd"),
    "unclean": ("uncased", False, False, True, True, ADDED, "bert"),
}


def build(name, vocab):
    _, clean, chinese, strip, lower, added, post = TOKENIZERS[name]
    longest = 12 if name == "raw" else 100
    t = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=longest))
    t.normalizer = normalizers.BertNormalizer(clean, chinese, strip, lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.add_special_tokens(SPECIAL)
    t.add_tokens(added)
    cls, sep = ("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])
    if post == "bert":
        t.post_processor = processors.BertProcessing(sep, cls)
    if post == "template":
        t.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[cls, sep])
    if post == "odd":
        t.post_processor = processors.TemplateProcessing(
            single="$A:2 [SEP]:3", pair="$B:1 [SEP] $A:4 [CLS]:5", special_tokens=[cls, sep])
    return t


def expect(t, line):
    t.no_truncation()
    try:
        if "max_length" in line:
            t.enable_truncation(line["max_length"], stride=line.get("stride", 0), strategy=line["truncation"])
        e = t.encode(line["text"], line.get("pair"))
    except BaseException as error:
        if "PanicException" in type(error).__name__:
            return {"error": str(error).split(" (note that")[0]}
        return {"error": str(error).split(" (= ")[0]}
    out = {
        "ids": e.ids,
        "type_ids": e.type_ids,
        "offsets": [list(o) for o in e.offsets],
        "special": e.special_tokens_mask,
        "word_ids": e.word_ids,
    }
    if "stride" in line:
        out["overflow"] = [o.ids for o in e.overflowing]
    return out


COMBINING = [chr(c) for c in (0x300, 0x301, 0x323, 0x327, 0x345, 0x334, 0x302E, 0x302F, 0x1D165, 0x1D16D, 0x1D15E,
                              0x94D, 0x9BE, 0xF71, 0xF72, 0xF73, 0xF81, 0x344, 0x1DF6, 0x1ABE, 0x5B0, 0x64B, 0x1CF7,
                              0x9BC, 0x16FF0, 0x1BC9E, 0x1037, 0x3099, 0x200D, 0xAD, 0x1E94A, 0x111C0, 0x1DCF)]
WORDS = ["the", "Playing", "unaffable", "[MASK]", "[SEP]", "<left>", "<right>", "wörd", "Word", "alone", "alonesome",
         "café bar", "Çafé Bar", "中文", "ΣΑΣ", "İstanbul", "ǅ", "ẞ", "Straße", "한국어", "ạ̈", "Ώ", "don't", "x" * 101,
         "##ing", "\u2028", "\u0085", "\x00", "\ufffd", "\ufeff", "😀", "👩‍👩‍👧", "ﬁ", "é", "e\u0301", "\u1e9b\u0323", "１２", "\U0002F800"]


def random_text(rng):
    parts = []
    for _ in range(rng.choice([0, 1, 2, 4, 8, 20])):
        kind = rng.random()
        if kind < 0.35:
            parts.append(rng.choice(WORDS))
        elif kind < 0.55:
            base = rng.choice("aeéÅक\u0430ㄱ가\U0001D157 \u00e7")
            parts.append(base + "".join(rng.choice(COMBINING) for _ in range(rng.randint(1, 6))))
        elif kind < 0.75:
            start = rng.choice([0, 0x80, 0x300, 0x370, 0x590, 0x900, 0x1100, 0x1E00, 0x2000, 0x3000, 0xA000, 0xF900,
                                0x10000, 0x1D100, 0x1E900, 0x1F300, 0x2F800, 0xE0000])
            chars = (start + rng.randrange(0x100) for _ in range(rng.randint(1, 8)))
            parts.append("".join(chr(c) for c in chars if not 0xD800 <= c < 0xE000))
        elif kind < 0.85:
            c = rng.randrange(0x110000)
            parts.append("a" if 0xD800 <= c < 0xE000 else chr(c))
        else:
            parts.append(rng.choice([" ", "  ", "\t", "\n", ".", ",", "-", "a", "B", "9"]))
        if rng.random() < 0.5:
            parts.append(" ")
    return "".join(parts)


def dress(rng, line):
    """Adds a pair and a truncation at random."""
    if rng.random() < 0.35:
        line["pair"] = random_text(rng)
    if rng.random() < 0.6:
        line["max_length"] = rng.choice([3, 4, 5, 6, 8, 13, 20])
        line["truncation"] = rng.choice(["longest_first", "longest_first", "only_first", "only_second"])
        if rng.random() < 0.6:
            line["stride"] = rng.choice([0, 0, 1, 2, 4])
    return line


def write(folder, tokenizers, lines):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "wordpiece-sample.jsonl", "w", encoding="utf8") as out:
        for line in lines:
            line.update(expect(tokenizers[line["vocab"]], line))
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    for name, t in tokenizers.items():
        t.no_truncation()
        t.enable_truncation(7)
        t.enable_padding(length=128)
        (folder / f"wordpiece-{name}.tokenizer.json").write_text(t.to_str() + "\n", encoding="utf8")


def trimmed(vocab, texts, name):
    """The pieces that the texts need, special tokens first, then in their old order."""
    t = build(name, vocab)
    used = {piece for text in texts for piece in t.encode(text).tokens}
    letters = [p for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789" for p in (c, "##" + c)]
    used.update(p for p in letters if p in vocab)
    kept = SPECIAL + [p for p in sorted(vocab, key=vocab.get) if p in used and p not in SPECIAL]
    return {p: i for i, p in enumerate(kept) if p in vocab}


def main():
    mode, shared, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    whole = {}
    for kind in ("cased", "uncased"):
        lines = open(shared / f"data/vocab/bert-base-{kind}-vocab.txt", encoding="utf8").read().split("\n")
        whole[kind] = {p: i for i, p in enumerate(lines[:-1])}
    if mode == "random":
        rng = random.Random(int(sys.argv[5]))
        names = list(TOKENIZERS)
        lines = [dress(rng, {"vocab": rng.choice(names), "text": random_text(rng)}) for _ in range(int(sys.argv[4]))]
        write(folder, {n: build(n, whole[TOKENIZERS[n][0]]) for n in names}, lines)
        return
    rng = random.Random(20)
    known = [json.loads(x) for x in open(shared / "golden-text/wordpiece.jsonl", encoding="utf8")]
    known = [x for x in known if len(x["text"]) + len(x.get("pair", "")) < 400]
    keep = ("vocab", "text", "pair", "max_length", "truncation", "stride")
    lines = [{k: x[k] for k in keep if k in x} for x in rng.sample(known, 60)]
    lines += [dress(rng, {"vocab": n, "text": random_text(rng)}) for n in TOKENIZERS for _ in range(9)]
    tokenizers = {}
    for n in TOKENIZERS:
        texts = [t for x in lines for t in (x["text"], x.get("pair", "")) if x["vocab"] == n]
        tokenizers[n] = build(n, trimmed(whole[TOKENIZERS[n][0]], texts, n))
    write(folder, tokenizers, lines)


main()
