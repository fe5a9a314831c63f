package dev.espalier.bench;

import dev.espalier.backend.CpuBackend;
import dev.espalier.backend.InstructionSet;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.tensor.Tensor;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Single ops of the forward pass on the CPU backend, through {@link Ops} as the encoder calls them.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class OpsBenchmark {
  @Param public Op op;

  /** Tokens. */
  @Param({"16", "512", "2048"})
  public int rows;

  @Param({"1", "2"})
  public int threads;

  private CpuBackend backend;
  private OpWeights weights;
  private Workspace workspace;
  private Ops ops;

  /**
   * Packs the weights and writes the inputs, which keep their place in the workspace from call to
   * call.
   */
  @Setup
  public void open() {
    backend = new CpuBackend(InstructionSet.best(), threads);
    weights = OpWeights.random(backend, rows);
    float[] x = OpWeights.values(new Random(2), rows * op.columns());
    float[] r = OpWeights.values(new Random(3), rows * op.columns());
    workspace =
        backend.workspace(
            WorkspacePlan.of(backend, o -> op.run(o, weights, input(o, x), input(o, r))));
    ops = new Ops(backend, workspace);
    input(ops, x);
    input(ops, r);
  }

  private Tensor input(Ops on, float[] values) {
    return on.fromArray(values, rows, op.columns());
  }

  /** One call. */
  @Benchmark
  public Tensor run() {
    workspace.reset();
    Tensor x = workspace.allocate(rows, op.columns());
    Tensor r = workspace.allocate(rows, op.columns());
    return op.run(ops, weights, x, r);
  }

  /** Frees all. */
  @TearDown
  public void close() {
    workspace.close();
    weights.close();
    backend.close();
  }
}
