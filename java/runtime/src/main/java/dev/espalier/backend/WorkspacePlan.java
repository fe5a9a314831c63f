package dev.espalier.backend;

import dev.espalier.tensor.DType;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Where each temporary of a forward pass lives: two temporaries share memory when the last use of
 * one comes before the other is made. Found by running the pass once without arithmetic, at the
 * largest number of rows.
 */
public final class WorkspacePlan {
  /**
   * One temporary.
   *
   * @param offset its first element, a multiple of {@link #ALIGNMENT}
   * @param rows the most rows it may have
   * @param columns its columns
   */
  public record Slot(long offset, int rows, int columns) {
    /** Elements from row to row. */
    public int pitch() {
      return pitchOf(columns);
    }
  }

  /**
   * What ops need beside their tensors, where a backend keeps it for them.
   *
   * @param rows the most rows of an int8 product
   * @param codes the most codes of its input, rows rounded as tensors' rows are
   * @param intermediate the most elements between the two products of a fused feed-forward
   */
  public record Scratch(long rows, long codes, long intermediate) {}

  /** Elements to which rows and slots are rounded: 64 bytes of fp32. */
  public static final int ALIGNMENT = 16;

  private final List<Slot> slots;
  private final long elements;

  private final Scratch scratch;

  private WorkspacePlan(List<Slot> slots, long elements, Scratch scratch) {
    this.slots = List.copyOf(slots);
    this.elements = elements;
    this.scratch = scratch;
  }

  /** The temporaries in the order in which the pass asks for them. */
  public List<Slot> slots() {
    return slots;
  }

  /** The most rows of any of them. */
  public int rows() {
    return slots.stream().mapToInt(Slot::rows).max().orElse(0);
  }

  /** fp32 elements needed in all. */
  public long elements() {
    return elements;
  }

  /** What ops need beside them. */
  public Scratch scratch() {
    return scratch;
  }

  /** The row pitch of a tensor of that many columns. */
  public static int pitchOf(int columns) {
    return Math.max(ALIGNMENT, (columns + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  }

  /**
   * Plans a pass.
   *
   * @param backend which ops are fused decides which temporaries exist
   * @param pass runs the forward pass at its largest extent on the ops that it is given
   */
  public static WorkspacePlan of(Backend backend, Consumer<Ops> pass) {
    Recorder recorder = new Recorder();
    pass.accept(new Ops(new PlanningBackend(backend, recorder), recorder));
    return recorder.plan();
  }

  /** A tensor without memory that knows when it was made and last used. */
  private static final class Planned implements Tensor {
    private final int rows;
    private final int columns;
    private final int made;
    private int lastUse;
    private long offset;

    Planned(int rows, int columns, int made) {
      this.rows = rows;
      this.columns = columns;
      this.made = made;
      this.lastUse = made;
    }

    @Override
    public int rows() {
      return rows;
    }

    @Override
    public int columns() {
      return columns;
    }

    long elements() {
      return (long) rows * pitchOf(columns);
    }

    boolean livesWith(Planned other) {
      return made <= other.lastUse && other.made <= lastUse;
    }
  }

  /** Notes when temporaries are made and used; the clock advances with every op. */
  static final class Recorder implements Workspace {
    private final List<Planned> tensors = new ArrayList<>();
    private int clock;
    private long quantizedRows;
    private long codes;
    private long intermediate;

    @Override
    public void reset() {
      tensors.clear();
      clock = 0;
    }

    /** A product quantizes its input, if its weight is int8. */
    void quantizes(int rows, Linear w) {
      if (w.dtype() == DType.I8) {
        quantizedRows = Math.max(quantizedRows, rows);
        codes = Math.max(codes, (long) rows * pitchOf(w.inputs()));
      }
    }

    /** A fused feed-forward keeps its first product's result. */
    void intermediate(int rows, Linear w) {
      intermediate = Math.max(intermediate, (long) rows * pitchOf(w.outputs()));
    }

    @Override
    public Tensor allocate(int rows, int columns) {
      Planned tensor = new Planned(rows, columns, clock);
      tensors.add(tensor);
      return tensor;
    }

    void op(Tensor... used) {
      for (Tensor t : used) {
        if (t != null) {
          ((Planned) t).lastUse = clock;
        }
      }
      clock++;
    }

    WorkspacePlan plan() {
      List<Slot> slots = new ArrayList<>();
      long elements = 0;
      for (int i = 0; i < tensors.size(); i++) {
        Planned t = tensors.get(i);
        t.offset = firstFit(t, tensors.subList(0, i));
        elements = Math.max(elements, t.offset + t.elements());
        slots.add(new Slot(t.offset, t.rows, t.columns));
      }
      return new WorkspacePlan(slots, elements, new Scratch(quantizedRows, codes, intermediate));
    }

    private static long firstFit(Planned t, List<Planned> placed) {
      long offset = 0;
      boolean moved = true;
      while (moved) {
        moved = false;
        for (Planned p : placed) {
          if (p.livesWith(t)
              && offset < p.offset + p.elements()
              && p.offset < offset + t.elements()) {
            offset = p.offset + p.elements();
            moved = true;
          }
        }
      }
      return offset;
    }

    @Override
    public long bytes() {
      return 0;
    }

    @Override
    public void close() {}
  }
}
