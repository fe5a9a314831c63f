package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Reads tables and lists of texts whole. Empty lines are passed over in tables. */
final class Table {
  /** Largest file read, in bytes. */
  private static final long MAX_BYTES = 256 << 20;

  private Table() {}

  /**
   * @param where file and line, for messages
   */
  record Row(String where, List<String> fields) {}

  /** The rows of a {@code .tsv} file, or of one in CSV. */
  static List<Row> read(Path file) {
    String text = text(file);
    boolean tabs = file.toString().toLowerCase(Locale.ROOT).endsWith(".tsv");
    return tabs ? tabs(file, text) : new Csv(file, text).rows();
  }

  /** The lines of a text file; a last line without an end is a line. */
  static List<String> lines(Path file) {
    return text(file).lines().toList();
  }

  private static String text(Path file) {
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new InvalidInputException(
            file + ": has " + Files.size(file) + " bytes, at most " + MAX_BYTES + " are read");
      }
      String text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
              .toString();
      return text.startsWith("\uFEFF") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new InvalidInputException(file + ": is not UTF-8", e);
    } catch (IOException e) {
      throw new InvalidInputException(file + ": cannot be read: " + e, e);
    }
  }

  private static List<Row> tabs(Path file, String text) {
    List<Row> rows = new ArrayList<>();
    int line = 0;
    for (String s : text.lines().toList()) {
      line++;
      if (!s.isEmpty()) {
        rows.add(new Row(file + ", line " + line, List.of(s.split("\t", -1))));
      }
    }
    return rows;
  }

  /**
   * Fields separated by commas; one in quotes may hold commas, line ends, and quotes written twice.
   */
  private static final class Csv {
    private final Path file;
    private final String text;
    private int at;
    private int line = 1;

    Csv(Path file, String text) {
      this.file = file;
      this.text = text;
    }

    List<Row> rows() {
      List<Row> rows = new ArrayList<>();
      while (at < text.length()) {
        String where = file + ", line " + line;
        List<String> fields = new ArrayList<>();
        boolean more = true;
        while (more) {
          fields.add(text.startsWith("\"", at) ? quoted(where) : plain());
          more = at < text.length() && text.charAt(at) == ',';
          at += more ? 1 : 0;
        }
        endLine(where);
        if (!fields.equals(List.of(""))) {
          rows.add(new Row(where, fields));
        }
      }
      return rows;
    }

    private String plain() {
      int from = at;
      while (at < text.length() && ",\r\n".indexOf(text.charAt(at)) < 0) {
        at++;
      }
      return text.substring(from, at);
    }

    private String quoted(String where) {
      StringBuilder s = new StringBuilder();
      at++;
      while (true) {
        int quote = text.indexOf('"', at);
        if (quote < 0) {
          throw new InvalidInputException(where + ": a quote is not closed");
        }
        String piece = text.substring(at, quote);
        line += (int) piece.chars().filter(c -> c == '\n').count();
        s.append(piece);
        at = quote + 1;
        if (!text.startsWith("\"", at)) {
          return s.toString();
        }
        s.append('"');
        at++;
      }
    }

    private void endLine(String where) {
      if (text.startsWith("\r\n", at)) {
        at++;
      } else if (at < text.length() && ",\r\n".indexOf(text.charAt(at)) < 0) {
        throw new InvalidInputException(where + ": text follows a closing quote");
      }
      at++;
      line++;
    }
  }
}
