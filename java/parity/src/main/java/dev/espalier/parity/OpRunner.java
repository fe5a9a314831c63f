package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import java.util.Arrays;
import java.util.function.Function;

/**
 * Runs a few ops on a backend in a workspace of their own, which is full of NaN at first: what is
 * not written shows.
 */
final class OpRunner {
  private OpRunner() {}

  /**
   * @param body run twice: once to plan, once in earnest; returns values, not tensors
   */
  static float[] run(Backend backend, Function<Ops, float[]> body) {
    WorkspacePlan plan = WorkspacePlan.of(backend, body::apply);
    try (Workspace workspace = backend.workspace(plan)) {
      poison(backend, workspace, plan);
      return body.apply(new Ops(backend, workspace));
    }
  }

  private static void poison(Backend backend, Workspace workspace, WorkspacePlan plan) {
    workspace.reset();
    for (WorkspacePlan.Slot slot : plan.slots()) {
      float[] nan = new float[slot.rows() * slot.columns()];
      Arrays.fill(nan, Float.NaN);
      backend.upload(nan, 0, workspace.allocate(slot.rows(), slot.columns()));
    }
    workspace.reset();
  }
}
