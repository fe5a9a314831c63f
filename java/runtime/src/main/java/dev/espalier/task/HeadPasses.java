package dev.espalier.task;

import dev.espalier.backend.Ops;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.Lanes;
import dev.espalier.encoder.TaskHead;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;

/**
 * The forward passes that end in a head's logits. What nobody reads is not computed: behind the
 * last layer's attention only the rows that the head looks at go on. Thread-safe.
 */
final class HeadPasses implements AutoCloseable {
  private final Encoder encoder;
  private final TaskHead head;
  private final int tokens;

  /** Whose workspaces these passes use: this object, or the one that it is a view of. */
  private final HeadPasses resident;

  /** Workspaces differ by the end of the pass, and are made when a pass is first run. */
  private Lanes sequenceLanes;

  private Lanes tokenLanes;
  private Lanes maskLanes;

  /**
   * @param head null if the model has none; then no pass may be run
   * @param tokens the most tokens of a batch
   */
  HeadPasses(Encoder encoder, TaskHead head, int tokens) {
    this.encoder = encoder;
    this.head = head;
    this.tokens = tokens;
    this.resident = this;
  }

  private HeadPasses(HeadPasses resident, Encoder encoder) {
    this.encoder = encoder;
    this.head = resident.head;
    this.tokens = resident.tokens;
    this.resident = resident.resident;
  }

  /** The same passes over a view of the encoder; nothing of it is to be closed. */
  HeadPasses over(Encoder view) {
    return new HeadPasses(this, view);
  }

  /** Logits of every sequence, [B, classes]. */
  float[] sequenceLogits(PackedBatch batch) {
    try (Lanes.Lane lane = resident.sequenceLanes().take()) {
      return lane.ops().toArray(sequences(lane.ops(), batch));
    }
  }

  /** Logits of every token, [T, classes]. */
  float[] tokenLogits(PackedBatch batch) {
    try (Lanes.Lane lane = resident.tokenLanes().take()) {
      return lane.ops().toArray(tokens(lane.ops(), batch));
    }
  }

  /**
   * Logits of the whole vocabulary at some tokens of the batch.
   *
   * @param rows ascending
   * @param sink takes them in that order
   */
  void maskLogits(PackedBatch batch, int[] rows, TaskHead.LogitsSink sink) {
    try (Lanes.Lane lane = resident.maskLanes().take()) {
      masks(lane.ops(), batch, rows, sink);
    }
  }

  private Tensor sequences(Ops ops, PackedBatch batch) {
    Tensor first = encoder.forwardRows(ops, batch, batch.firstTokens());
    return head.logits(ops, encoder.pooler(ops, first));
  }

  private Tensor tokens(Ops ops, PackedBatch batch) {
    return head.logits(ops, encoder.forward(ops, batch, EncoderObserver.NONE));
  }

  private void masks(Ops ops, PackedBatch batch, int[] rows, TaskHead.LogitsSink sink) {
    head.tokenLogits(ops, encoder.forwardRows(ops, batch, rows), sink);
  }

  private synchronized Lanes sequenceLanes() {
    if (sequenceLanes == null) {
      sequenceLanes = lanes(this::sequences);
    }
    return sequenceLanes;
  }

  private synchronized Lanes tokenLanes() {
    if (tokenLanes == null) {
      tokenLanes = lanes(this::tokens);
    }
    return tokenLanes;
  }

  private synchronized Lanes maskLanes() {
    if (maskLanes == null) {
      maskLanes = lanes((ops, batch) -> masks(ops, batch, batch.firstTokens(), (row, l) -> {}));
    }
    return maskLanes;
  }

  private Lanes lanes(Encoder.Pass pass) {
    return new Lanes(encoder, encoder.planPass(tokens, pass));
  }

  @Override
  public synchronized void close() {
    for (Lanes lanes : new Lanes[] {sequenceLanes, tokenLanes, maskLanes}) {
      if (lanes != null) {
        lanes.close();
      }
    }
  }
}
