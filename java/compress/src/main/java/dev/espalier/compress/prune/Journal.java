package dev.espalier.compress.prune;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.function.IntConsumer;

/**
 * What a search has measured so far, one line a figure, written as it is found. A search that was
 * killed runs the same way again and finds its figures here, so that it goes on where it was. Not
 * thread-safe.
 */
public final class Journal {
  private final Path file;
  private final Map<String, Double> known = new HashMap<>();
  private IntConsumer listener = n -> {};

  private Journal(Path file) {
    this.file = file;
  }

  /** One that forgets. */
  public static Journal inMemory() {
    return new Journal(null);
  }

  /**
   * Opens or begins a journal.
   *
   * @param title what the figures depend on: model, data, seed; its first line
   * @throws InvalidInputException if the file is there and has another title
   */
  public static Journal open(Path file, String title) {
    Journal journal = new Journal(file);
    try {
      if (!Files.exists(file)) {
        if (file.toAbsolutePath().getParent() != null) {
          Files.createDirectories(file.toAbsolutePath().getParent());
        }
        Files.writeString(file, title + "\n", StandardOpenOption.CREATE_NEW);
        return journal;
      }
      List<String> lines = Files.readAllLines(file, StandardCharsets.UTF_8);
      if (lines.isEmpty() || !lines.get(0).equals(title)) {
        throw new InvalidInputException(
            file
                + ": is the journal of another search ("
                + (lines.isEmpty() ? "empty" : lines.get(0))
                + "; this one is "
                + title
                + "); delete it to begin anew");
      }
      for (String line : lines.subList(1, lines.size())) {
        int tab = line.indexOf('\t');
        // A line that a killed process left unfinished has no end mark.
        if (tab > 0 && line.endsWith(".")) {
          String value = line.substring(tab + 1, line.length() - 1);
          journal.known.put(line.substring(0, tab), Double.parseDouble(value));
        }
      }
      Files.writeString(file, "\n", StandardOpenOption.APPEND);
      return journal;
    } catch (IOException e) {
      throw new EspalierException(file + ": cannot be used: " + e, e);
    } catch (NumberFormatException e) {
      throw new InvalidInputException(file + ": is no journal of a search: " + e.getMessage(), e);
    }
  }

  /** Tells {@code listener} how many figures there are whenever one was measured. */
  public void onMeasure(IntConsumer listener) {
    this.listener = listener;
  }

  /** A figure by its name; measured if it is not there. */
  double get(String name, DoubleSupplier measure) {
    Double value = known.get(name);
    if (value == null) {
      value = measure.getAsDouble();
      known.put(name, value);
      append(name + "\t" + value + ".\n");
      listener.accept(known.size());
    }
    return value;
  }

  private void append(String line) {
    if (file == null) {
      return;
    }
    try {
      Files.writeString(file, line, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new EspalierException(file + ": cannot be written: " + e, e);
    }
  }
}
