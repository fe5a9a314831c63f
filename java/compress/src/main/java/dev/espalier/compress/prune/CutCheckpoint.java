package dev.espalier.compress.prune;

import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.EncoderTensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A checkpoint some of whose tensors are slices of another's, under names of their own. */
final class CutCheckpoint implements Checkpoint {
  /**
   * @param rows that stay, or null for all
   * @param columns that stay, or null for all
   * @param factors of the columns that stay, or null for 1
   */
  private record Slice(String from, int[] rows, int[] columns, float[] factors) {}

  private final Checkpoint stored;
  private final Map<String, Slice> slices;
  private final Map<String, TensorInfo> infos = new LinkedHashMap<>();

  /** The row of a matrix that was read last, whole. */
  private float[] row = new float[0];

  private String rowOf = "";
  private long rowAt;

  private CutCheckpoint(Checkpoint stored, Map<String, Slice> slices) {
    this.stored = stored;
    this.slices = slices;
    slices.forEach(
        (name, slice) -> {
          TensorInfo info = stored.info(slice.from());
          List<Integer> shape = new ArrayList<>(info.shape());
          if (slice.rows() != null) {
            shape.set(0, slice.rows().length);
          }
          if (slice.columns() != null) {
            shape.set(1, slice.columns().length);
          }
          infos.put(name, new TensorInfo(name, info.dtype(), List.copyOf(shape), info.source()));
        });
  }

  /** Collects the slices; what belongs to no encoder layer stays as it is. */
  static final class Builder {
    private final Checkpoint stored;
    private final Map<String, Slice> slices = new LinkedHashMap<>();

    Builder(Checkpoint stored) {
      this.stored = stored;
    }

    /** A linear layer of which some outputs stay; without any it has no tensors. */
    void rows(String name, String from, int[] rows) {
      if (rows.length > 0) {
        slices.put(name + ".weight", new Slice(from + ".weight", rows, null, null));
        slices.put(name + ".bias", new Slice(from + ".bias", rows, null, null));
      }
    }

    /** A linear layer of which some inputs stay; without any it has no weight. */
    void columns(String name, String from, int[] columns, float[] factors) {
      if (columns.length > 0) {
        slices.put(name + ".weight", new Slice(from + ".weight", null, columns, factors));
      }
      slices.put(name + ".bias", new Slice(from + ".bias", null, null, null));
    }

    /** A norm. */
    void whole(String name, String from) {
      slices.put(name + ".weight", new Slice(from + ".weight", null, null, null));
      slices.put(name + ".bias", new Slice(from + ".bias", null, null, null));
    }

    /**
     * @param layers of the source
     */
    CutCheckpoint build(int layers) {
      for (String name : stored.names()) {
        boolean inLayer = false;
        for (int l = 0; l < layers; l++) {
          inLayer |= name.startsWith(EncoderTensors.layer(l) + ".");
        }
        if (!inLayer) {
          slices.put(name, new Slice(name, null, null, null));
        }
      }
      return new CutCheckpoint(stored, slices);
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(slices.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = infos.get(name);
    return info == null ? stored.info(name) : info;
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    Slice slice = slices.get(name);
    if (slice == null || slice.rows() == null && slice.columns() == null) {
      stored.read(slice == null ? name : slice.from(), first, target, offset, count);
      return;
    }
    List<Integer> shape = infos.get(name).shape();
    int width = shape.size() == 1 ? 1 : shape.get(1);
    for (int done = 0; done < count; ) {
      int r = Math.toIntExact((first + done) / width);
      int c = (int) ((first + done) % width);
      int n = Math.min(count - done, width - c);
      copy(slice, slice.rows() == null ? r : slice.rows()[r], c, n, target, offset + done);
      done += n;
    }
  }

  /** Columns {@code c .. c+n-1} of a slice's row that is row {@code r} of the source. */
  private void copy(Slice slice, int r, int c, int n, float[] target, int offset) {
    List<Integer> shape = stored.info(slice.from()).shape();
    if (shape.size() == 1) {
      load(slice.from(), 0, shape.get(0));
      target[offset] = row[r];
      return;
    }
    load(slice.from(), r, shape.get(1));
    for (int i = 0; i < n; i++) {
      float value = row[slice.columns() == null ? c + i : slice.columns()[c + i]];
      target[offset + i] = slice.factors() == null ? value : value * slice.factors()[c + i];
    }
  }

  private void load(String name, long r, int width) {
    if (rowAt != r || !rowOf.equals(name)) {
      rowOf = "";
      row = row.length == width ? row : new float[width];
      stored.read(name, r * width, row, 0, width);
      rowOf = name;
      rowAt = r;
    }
  }

  @Override
  public String format() {
    return stored.format();
  }

  @Override
  public void close() {
    stored.close();
  }
}
