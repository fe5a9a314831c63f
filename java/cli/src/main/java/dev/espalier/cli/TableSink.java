package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.InvalidInputException;
import dev.espalier.task.Outcome;
import java.io.IOException;
import java.util.List;
import java.util.StringJoiner;

/** Writes a row a text for people: the first values of its vector. */
final class TableSink implements VectorSink {
  private static final int SHOWN = 4;

  private final ItemOutput<String, float[]> rows;

  TableSink(StandardOutput out) throws IOException {
    this.rows = new ItemOutput<>(new Format(), out, true);
  }

  private static final class Format implements ItemFormat<String, float[]> {
    @Override
    public String parse(String line) {
      return line;
    }

    @Override
    public void write(JsonGenerator json, String text, float[] vector) {
      throw new UnsupportedOperationException("rows only");
    }

    @Override
    public List<String> columns() {
      return List.of("vector", "text");
    }

    @Override
    public List<List<String>> rows(String text, float[] vector) {
      StringJoiner values = new StringJoiner(" ", "", vector.length > SHOWN ? " ..." : "");
      for (int i = 0; i < Math.min(SHOWN, vector.length); i++) {
        values.add(ItemOutput.score(vector[i]));
      }
      return List.of(List.of(values.toString(), text));
    }
  }

  @Override
  public void accept(String text, float[] values, int offset) throws IOException {
    rows.accept(text, new Outcome<>(values, null));
  }

  @Override
  public void reject(InvalidInputException error) throws IOException {
    rows.accept(null, new Outcome<>(null, error));
  }

  @Override
  public void flush() throws IOException {
    rows.flush();
  }

  @Override
  public void finish() throws IOException {
    rows.flush();
  }

  @Override
  public void close() {}
}
