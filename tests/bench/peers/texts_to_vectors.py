"""What every peer shares: strings to ids, batches, pooling. All of it is part of the measured time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tokenizers

BATCH = 32


class Texts:
    """Hugging Face's tokenizer, used without padding, all texts in one call over all threads."""

    def __init__(self, tokenizer_json, max_length):
        self.tokenizer = tokenizers.Tokenizer.from_file(tokenizer_json)
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_length)

    def ids(self, texts):
        # encode_batch_fast leaves out character offsets, which nobody here reads.
        return [e.ids for e in self.tokenizer.encode_batch_fast(texts)]

    def vocabulary(self, size):
        """Tokens by id; places that no token has get a name of their own."""
        tokens = [f"[unused-id-{i}]" for i in range(size)]
        for token, i in self.tokenizer.get_vocab(with_added_tokens=True).items():
            if i < size:
                tokens[i] = token
        return tokens


def batches(ids, order):
    """Places of the texts of each batch: neighbours by length, longest first, or as they come.

    Longest first, so that with several streams the last batches to finish are short ones.
    """
    places = list(range(len(ids)))
    if order == "sorted":
        places.sort(key=lambda i: -len(ids[i]))
    return [places[i : i + BATCH] for i in range(0, len(places), BATCH)]


def pad(ids):
    """Ids and mask [batch, longest], int64."""
    longest = max(map(len, ids))
    padded = np.zeros((len(ids), longest), np.int64)
    mask = np.zeros((len(ids), longest), np.int64)
    for row, sequence in enumerate(ids):
        padded[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return padded, mask


def pool(states, lengths, pooling, normalize):
    """Token states [batch, longest, hidden] to vectors [batch, hidden], over real tokens only."""
    if pooling == "cls":
        vectors = states[:, 0].astype(np.float32)
    elif pooling == "mean":
        lengths = np.asarray(lengths)
        real = np.arange(states.shape[1]) < lengths[:, None]
        weights = real.astype(np.float32) / lengths[:, None].astype(np.float32)
        vectors = np.matmul(weights[:, None, :], states)[:, 0]
    else:
        raise ValueError(f"pooling {pooling!r}: the peers pool by mean or cls")
    if normalize:
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors


class Pipeline:
    """Strings to vectors through an engine; one plan (an engine's way of using threads) at a time."""

    def __init__(self, texts, engine, pooling, normalize):
        self.texts = texts
        self.engine = engine
        self.pooling = pooling
        self.normalize = normalize
        self.callers = {}

    def open(self, plan):
        self.engine.open(plan)
        self.callers[plan] = ThreadPoolExecutor(plan.streams)

    def close(self, plan):
        self.callers.pop(plan).shutdown()
        self.engine.close(plan)

    def embed(self, texts, order, plan):
        ids = self.texts.ids(texts)
        vectors = np.empty((len(ids), self.engine.hidden), np.float32)

        def one(places):
            sequences = [ids[i] for i in places]
            states = self.engine.states(plan, sequences)
            vectors[places] = pool(states, [len(s) for s in sequences], self.pooling, self.normalize)

        todo = batches(ids, order)
        if plan.streams == 1 or len(todo) == 1:
            for places in todo:
                one(places)
        else:
            # Engines and numpy let go of the interpreter while they compute.
            list(self.callers[plan].map(one, todo))
        return vectors
