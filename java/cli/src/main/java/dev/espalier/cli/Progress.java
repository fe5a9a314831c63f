package dev.espalier.cli;

import java.io.PrintStream;
import java.util.Locale;

/**
 * One line on a terminal's standard error that says how far a long job is. It appears after two
 * seconds and is wiped at the end; where standard error is no terminal, nothing is ever written.
 * The working thread may call {@link #at} as often as it likes.
 */
final class Progress implements AutoCloseable {
  private static final long QUIET_MS = 2000;
  private static final long REPAINT_MS = 200;
  private static final int BAR = 24;

  private final PrintStream err;
  private final Thread painter;
  private final long started = System.nanoTime();
  private volatile String what;
  private volatile long done;
  private volatile long total;
  private volatile long items;
  private volatile String unit = "";
  private boolean painted;

  private Progress(Console console, String what) {
    this.err = console.err();
    this.what = what;
    if (console.showsProgress()) {
      painter = new Thread(this::paint, "espalier-progress");
      painter.setDaemon(true);
      painter.start();
    } else {
      painter = null;
    }
  }

  static Progress start(Console console, String what) {
    return new Progress(console, what);
  }

  /** Says what is being done now. */
  void now(String text) {
    what = text;
    total = 0;
  }

  /**
   * Says how far it is.
   *
   * @param doneOf of {@code total}, e.g. bytes read; a total of 0 or less is unknown
   * @param itemCount things finished so far, called {@code itemUnit}
   */
  void at(long doneOf, long totalOf, long itemCount, String itemUnit) {
    done = doneOf;
    total = totalOf;
    items = itemCount;
    unit = itemUnit;
  }

  private void paint() {
    try {
      Thread.sleep(QUIET_MS);
      while (true) {
        synchronized (this) {
          if (Thread.currentThread().isInterrupted()) {
            return;
          }
          err.print("\r" + line() + "\u001b[K");
          err.flush();
          painted = true;
        }
        Thread.sleep(REPAINT_MS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private String line() {
    double seconds = (System.nanoTime() - started) / 1e9;
    StringBuilder s = new StringBuilder("espalier: ").append(what);
    if (total > 0) {
      double share = Math.min(1.0, (double) done / total);
      int filled = (int) (share * BAR);
      s.append(" [").append("#".repeat(filled)).append(".".repeat(BAR - filled)).append(']');
      s.append(String.format(Locale.ROOT, " %3.0f%%", 100 * share));
      if (share > 0.01) {
        s.append(", ").append(duration(seconds * (1 - share) / share)).append(" left");
      }
    } else {
      s.append(" ... ").append(duration(seconds));
    }
    if (items > 0) {
      s.append(String.format(Locale.ROOT, ", %,d %s, %,.0f/s", items, unit, items / seconds));
    }
    return s.toString();
  }

  private static String duration(double seconds) {
    long s = Math.round(seconds);
    return s < 3600
        ? String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60)
        : String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  }

  @Override
  public void close() {
    if (painter == null) {
      return;
    }
    synchronized (this) {
      painter.interrupt();
      if (painted) {
        err.print("\r\u001b[K");
        err.flush();
        painted = false;
      }
    }
  }
}
