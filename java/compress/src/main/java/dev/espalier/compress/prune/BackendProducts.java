package dev.espalier.compress.prune;

import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.tensor.Linear;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Products on a backend: its linear op in fp32, whose results depend neither on the other rows nor
 * on threads.
 */
final class BackendProducts implements Product.Maker {
  /** Rows that are multiplied at once. */
  private static final int ROWS = 256;

  private final Backend backend;

  BackendProducts(Backend backend) {
    this.backend = backend;
  }

  @Override
  public Product make(float[] weight, int outputs, int inputs) {
    Linear linear =
        backend.linear(outputs, inputs, RowSource.of(weight, inputs), new float[outputs]);
    return new OnBackend(backend, linear);
  }

  private static final class OnBackend implements Product {
    private final Backend backend;
    private final Linear linear;
    private final WorkspacePlan plan;

    /** Those that no thread uses at the moment. */
    private final ConcurrentLinkedQueue<Workspace> free = new ConcurrentLinkedQueue<>();

    OnBackend(Backend backend, Linear linear) {
      this.backend = backend;
      this.linear = linear;
      this.plan = WorkspacePlan.of(backend, ops -> run(ops, new float[ROWS * linear.inputs()]));
    }

    private float[] run(Ops ops, float[] x) {
      int rows = x.length / linear.inputs();
      return ops.toArray(ops.linear(ops.fromArray(x, rows, linear.inputs()), linear));
    }

    @Override
    public double[] of(double[] x, int rows) {
      double[] y = new double[rows * linear.outputs()];
      Workspace taken = free.poll();
      Workspace workspace = taken == null ? backend.workspace(plan) : taken;
      Ops ops = new Ops(backend, workspace);
      for (int first = 0; first < rows; first += ROWS) {
        ops.reset();
        int n = Math.min(ROWS, rows - first);
        float[] block = new float[n * linear.inputs()];
        for (int i = 0; i < block.length; i++) {
          block[i] = (float) x[first * linear.inputs() + i];
        }
        float[] product = run(ops, block);
        for (int i = 0; i < product.length; i++) {
          y[first * linear.outputs() + i] = product[i];
        }
      }
      free.add(workspace);
      return y;
    }

    @Override
    public void close() {
      free.forEach(Workspace::close);
      free.clear();
      linear.close();
    }
  }
}
