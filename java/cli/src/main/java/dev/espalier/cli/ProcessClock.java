package dev.espalier.cli;

import java.nio.file.Path;
import java.util.List;

/**
 * Time since the program was started, its launcher included, but not what the launcher built first.
 */
final class ProcessClock {
  /**
   * Seconds since 1970 when the launcher was started, or had built; without it, the process's start
   * counts.
   */
  private static final String STARTED = "espalier.started";

  /**
   * Linux counts a process's start in these for every program, whatever the kernel's own tick is.
   */
  private static final double TICKS_PER_SECOND = 100;

  /** Where the start stands in /proc/self/stat, behind the command's closing bracket. */
  private static final int START_FIELD = 19;

  private ProcessClock() {}

  /** Seconds, to about 20 ms; not a number where the system does not tell. */
  static double secondsSinceStart() {
    String started = System.getProperty(STARTED, "");
    return started.isEmpty() ? ofProcess() : since(started);
  }

  private static double since(String started) {
    try {
      double seconds = System.currentTimeMillis() / 1000.0 - Double.parseDouble(started);
      return seconds >= 0 ? seconds : Double.NaN;
    } catch (NumberFormatException e) {
      return Double.NaN;
    }
  }

  private static double ofProcess() {
    List<String> uptime = Machine.lines(Path.of("/proc/uptime"));
    List<String> stat = Machine.lines(Path.of("/proc/self/stat"));
    try {
      String fields = stat.get(0).substring(stat.get(0).lastIndexOf(')') + 2);
      double started = Long.parseLong(fields.split(" ")[START_FIELD]) / TICKS_PER_SECOND;
      double seconds = Double.parseDouble(uptime.get(0).split(" ")[0]) - started;
      return seconds >= 0 ? seconds : Double.NaN;
    } catch (IndexOutOfBoundsException | NumberFormatException e) {
      return Double.NaN;
    }
  }
}
