package dev.espalier.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/** What processes other than this one take of the machine, from the making of this object on. */
final class OtherProcesses {
  private static final OperatingSystemMXBean SYSTEM =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private final long[] machine = Idle.machineTicks();
  private final long own = SYSTEM.getProcessCpuTime();
  private final long clock = System.nanoTime();

  /** Their share of all processors' time so far; ticks are coarse: a second or more is needed. */
  double share() {
    long[] now = Idle.machineTicks();
    double busy = (double) (now[1] - machine[1]) / Math.max(1, now[0] - machine[0]);
    double elapsed = System.nanoTime() - clock;
    double mine =
        (SYSTEM.getProcessCpuTime() - own) / (elapsed * Runtime.getRuntime().availableProcessors());
    return Math.max(0, busy - mine);
  }
}
