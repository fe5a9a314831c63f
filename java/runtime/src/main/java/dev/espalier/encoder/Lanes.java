package dev.espalier.encoder;

import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Semaphore;

/**
 * Workspaces for the forward passes that run at once: as many as the backend has lanes, made when
 * first needed. A pass that finds none free waits for its turn, in order of arrival. Thread-safe.
 */
public final class Lanes implements AutoCloseable {
  /** A workspace on loan, with the ops that use it. Used by one thread; closing gives it back. */
  public final class Lane implements AutoCloseable {
    private final Workspace workspace;
    private final Ops ops;

    private Lane(Workspace workspace) {
      this.workspace = workspace;
      this.ops = new Ops(encoder.backend(), workspace);
    }

    /** Ops on this lane's workspace, reset. */
    public Ops ops() {
      return ops;
    }

    @Override
    public void close() {
      giveBack(this);
    }
  }

  private final Encoder encoder;
  private final WorkspacePlan plan;
  private final Semaphore permits;
  private final Deque<Lane> free = new ArrayDeque<>();
  private boolean closed;

  /**
   * @param plan what every pass fits into
   */
  public Lanes(Encoder encoder, WorkspacePlan plan) {
    this.encoder = encoder;
    this.plan = plan;
    this.permits = new Semaphore(encoder.backend().lanes(), true);
  }

  /** A free lane; waits for one if need be. Not interruptible: passes are short. */
  public Lane take() {
    permits.acquireUninterruptibly();
    try {
      Lane lane;
      synchronized (free) {
        lane = free.poll();
      }
      if (lane == null) {
        lane = new Lane(encoder.backend().workspace(plan));
      }
      lane.ops.reset();
      return lane;
    } catch (RuntimeException | Error e) {
      permits.release();
      throw e;
    }
  }

  private void giveBack(Lane lane) {
    boolean drop;
    synchronized (free) {
      drop = closed;
      if (!drop) {
        free.push(lane);
      }
    }
    if (drop) {
      lane.workspace.close();
    }
    permits.release();
  }

  /** Frees the workspaces that are not on loan; those on loan follow when they come back. */
  @Override
  public void close() {
    synchronized (free) {
      closed = true;
      free.forEach(lane -> lane.workspace.close());
      free.clear();
    }
  }
}
