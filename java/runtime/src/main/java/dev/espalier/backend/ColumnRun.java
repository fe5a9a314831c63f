package dev.espalier.backend;

import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.PackedBatch;
import java.util.ArrayList;
import java.util.List;

/**
 * Neighbouring columns of queries, keys and values.
 *
 * @param first the first one
 * @param count how many
 */
record ColumnRun(int first, int count) {
  /**
   * Gaps up to this many columns are computed as well: every run reads and, in int8, quantizes its
   * input anew.
   */
  private static final int GAP = 64;

  /** The columns of heads that some sequence of the batch uses, in ascending order. */
  static List<ColumnRun> used(PackedBatch batch, HeadLayout layout, int layer) {
    if (!batch.isMasked()) {
      return List.of(new ColumnRun(0, layout.qkvColumns()));
    }
    List<ColumnRun> runs = new ArrayList<>();
    int at = 0;
    for (int part = 0; part < 3; part++) {
      for (HeadLayout.Head head : layout.heads()) {
        int width = part < 2 ? head.qkWidth() : head.vWidth();
        if (width > 0 && isUsed(batch, layer, head.index())) {
          add(runs, at, width);
        }
        at += width;
      }
    }
    return runs;
  }

  private static boolean isUsed(PackedBatch batch, int layer, int head) {
    for (int b = 0; b < batch.sequences(); b++) {
      if (batch.headFactor(b, layer, head) != 0) {
        return true;
      }
    }
    return false;
  }

  private static void add(List<ColumnRun> runs, int first, int count) {
    ColumnRun last = runs.isEmpty() ? null : runs.get(runs.size() - 1);
    if (last != null && first - (last.first() + last.count()) <= GAP) {
      runs.set(runs.size() - 1, new ColumnRun(last.first(), first + count - last.first()));
    } else {
      runs.add(new ColumnRun(first, count));
    }
  }
}
