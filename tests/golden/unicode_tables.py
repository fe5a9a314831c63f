#!/usr/bin/env python3
"""Derives the Unicode tables of dev.espalier.text from Hugging Face tokenizers, the program they must agree with.

Every code point is sent through its BertNormalizer, NFD and BertPreTokenizer; no table of this Python or of any JDK
takes part, except that unicodedata names one representative per canonical combining class, which NFD then confirms.

  pip install tokenizers==0.23.*
  python tests/golden/unicode_tables.py java/runtime/src/main/resources/dev/espalier/text/unicode.txt

The output is text: a letter that names the section, then hexadecimal fields.
  F first last flags       properties of a range (bits: see FLAGS)
  L first last step delta  lower case = code point + delta, for every step-th code point of the range
  M cp cp...               lower case that is several code points
  D cp cp...               full canonical decomposition; Hangul syllables are left to arithmetic
  C first last class       canonical combining class of a range, where not 0
"""
import sys
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

DROP, SPACE, PUNCT, MARK, WORD, CHINESE, LOWER, DECOMPOSE = (1 << i for i in range(8))
FLAGS = "1 drop, 2 space, 4 punctuation, 8 nonspacing mark, 10 regex \\w, 20 chinese, 40 lower, 80 decompose/reorder"


def bert(**on):
    flags = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    flags.update(on)
    return normalizers.BertNormalizer(**flags).normalize_str


clean, chinese = bert(clean_text=True), bert(handle_chinese_chars=True)
strip, lower = bert(strip_accents=True), bert(lowercase=True)
nfd = normalizers.NFD().normalize_str
pre = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
word_probe = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
word_probe.add_tokens([AddedToken("@@", single_word=True, normalized=False)])

code_points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def swaps(late, early):
    """Whether NFD puts early before late."""
    return late != early and nfd(late + early) == early + late


# Known combining characters of the extreme classes 1 and 240; NFD must say of any other that it belongs between.
LOWEST, HIGHEST = "\u0334", "\u0345"
assert swaps(HIGHEST, LOWEST)
representative = {1: LOWEST, 240: HIGHEST}
for c in code_points:
    k = unicodedata.combining(chr(c))
    if k and swaps(chr(c), LOWEST) and swaps(HIGHEST, chr(c)):
        representative.setdefault(k, chr(c))
order = sorted(representative)
for low, high in zip(order, order[1:]):
    assert swaps(representative[high], representative[low]), (low, high)


def combining_class(s):
    """The class of s, by which representatives it moves behind."""
    after_lowest = swaps(s, LOWEST)
    if not after_lowest and not swaps(HIGHEST, s):
        return 0
    if not after_lowest:
        return 1
    return next(k for k in order if not swaps(s, representative[k]))


flags, ccc, lowers, decomp = {}, {}, {}, {}
for c in code_points:
    s = chr(c)
    f = 0
    cleaned = clean(s)
    pieces = [p for p, _ in pre("a" + s + "a")]
    space = pieces == ["a", "a"]
    if cleaned == "":
        f |= DROP
    else:
        assert cleaned == (" " if space else s), hex(c)
    if space:
        f |= SPACE
    elif pieces == ["a", s, "a"]:
        f |= PUNCT
    else:
        assert pieces == ["a" + s + "a"], hex(c)
    ch = chinese(s)
    if ch != s:
        assert ch == " " + s + " "
        f |= CHINESE
    low = lower(s)
    if low != s:
        f |= LOWER
        lowers[c] = low
    d = nfd(s)
    if d != s:
        f |= DECOMPOSE
        decomp[c] = d
    else:
        if strip(s) == "":
            f |= MARK
        k = combining_class(s)
        if k:
            ccc[c] = k
            if not f & MARK:
                f |= DECOMPOSE
    if word_probe.encode("@@" + s).tokens[:1] != ["@@"]:
        f |= WORD
    flags[c] = f

out = []
out.append(f"# Unicode as Hugging Face tokenizers {tokenizers.__version__} sees it; made by tests/golden/unicode_tables.py\n")
out.append(f"# flags: {FLAGS}\n")


def ranges(table):
    start = prev = value = None
    for c in sorted(table):
        if start is not None and c == prev + 1 and table[c] == value:
            prev = c
            continue
        if start is not None:
            yield start, prev, value
        start = prev = c
        value = table[c]
    if start is not None:
        yield start, prev, value


for a, b, f in ranges({c: f for c, f in flags.items() if f}):
    out.append(f"F {a:x} {b:x} {f:x}\n")
runs = []
for c in sorted(lowers):
    if len(lowers[c]) > 1:
        out.append("M " + " ".join(f"{ord(x):x}" for x in chr(c) + lowers[c]) + "\n")
        continue
    delta = ord(lowers[c]) - c
    if runs and runs[-1][3] == delta:
        first, last, step, _ = runs[-1]
        if last == first and c - last <= 2 or step and c - last == step:
            runs[-1] = (first, c, c - last, delta)
            continue
    runs.append((c, c, 1, delta))
for first, last, step, delta in runs:
    out.append(f"L {first:x} {last:x} {step:x} {delta:x}\n")
hangul = {}
for c, d in decomp.items():
    if 0xAC00 <= c < 0xAC00 + 11172:
        i = c - 0xAC00
        want = chr(0x1100 + i // 588) + chr(0x1161 + i % 588 // 28) + (chr(0x11A7 + i % 28) if i % 28 else "")
        assert d == want
        hangul[c] = d
    else:
        assert d == nfd(d)
        out.append("D " + " ".join(f"{ord(x):x}" for x in chr(c) + d) + "\n")
assert len(hangul) == 11172
for a, b, k in ranges(ccc):
    out.append(f"C {a:x} {b:x} {k:x}\n")
with open(sys.argv[1], "w") as file:
    file.writelines(out)
print(len(out), "lines")
