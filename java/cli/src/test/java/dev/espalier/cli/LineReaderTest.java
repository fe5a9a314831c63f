package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LineReaderTest {
  private static List<String> lines(String text) {
    return lines(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static List<String> lines(InputStream in) {
    LineReader reader = new LineReader(in, "in");
    List<String> lines = new ArrayList<>();
    for (String line = reader.next(); line != null; line = reader.next()) {
      lines.add(line);
    }
    return lines;
  }

  @Test
  void endsLinesAtLineFeedsOnly() {
    assertEquals(List.of(), lines(""));
    assertEquals(List.of(""), lines("\n"));
    assertEquals(List.of("", "", "a"), lines("\n\r\na"));
    assertEquals(List.of("a"), lines("a\n"));
    assertEquals(List.of("a", ""), lines("a\r\n\r\n"));
    assertEquals(List.of("a\rb", "c\r"), lines("a\rb\nc\r"));
    assertEquals(List.of("a\r"), lines("a\r\r\n"));
    assertEquals(List.of("a\u2028b\u0085c\u000bd\u000ce"), lines("a\u2028b\u0085c\u000bd\u000ce"));
  }

  @Test
  void readsAnyTextInAnyPieces() {
    String[] pieces = {
      "\n", "\r\n", "\r", "", "a", "\u00e9", "\u4e2d", "\ud83d\ude00", "\ufffd", "\u2028", " x "
    };
    for (long seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      StringBuilder text = new StringBuilder();
      List<String> expected = new ArrayList<>();
      StringBuilder line = new StringBuilder();
      for (int i = random.nextInt(60); i > 0; i--) {
        String piece = pieces[random.nextInt(pieces.length)];
        text.append(piece);
        line.append(piece);
        if (piece.endsWith("\n")) {
          String whole = line.substring(0, line.length() - 1);
          expected.add(whole.endsWith("\r") ? whole.substring(0, whole.length() - 1) : whole);
          line.setLength(0);
        }
      }
      if (!line.isEmpty()) {
        expected.add(line.toString());
      }
      InputStream in = new ByteArrayInputStream(text.toString().getBytes(StandardCharsets.UTF_8));
      assertEquals(expected, lines(new Dribble(in, random)), "seed " + seed);
    }
  }

  /** Gives a few bytes at a time, as a pipe may. */
  private static final class Dribble extends InputStream {
    private final InputStream in;
    private final Random random;

    Dribble(InputStream in, Random random) {
      this.in = in;
      this.random = random;
    }

    @Override
    public int read() throws IOException {
      return in.read();
    }

    @Override
    public int read(byte[] target, int offset, int count) throws IOException {
      return in.read(target, offset, Math.min(count, 1 + random.nextInt(5)));
    }
  }

  @Test
  void readsALongLine() {
    String text = "ab\u00e9".repeat(1 << 22);
    assertEquals(List.of("x", text, "y"), lines("x\n" + text + "\r\ny"));
  }

  @Test
  void namesTheByteThatIsNotUtf8() {
    byte[][] wrong = {
      {'a', (byte) 0xff},
      {'a', (byte) 0xc3},
      {'a', (byte) 0xc0, (byte) 0x80},
      {'a', (byte) 0xed, (byte) 0xa0, (byte) 0x80}
    };
    for (byte[] bytes : wrong) {
      byte[] all = new byte[bytes.length + 4];
      all[0] = 'o';
      all[1] = 'k';
      all[2] = '\n';
      System.arraycopy(bytes, 0, all, 3, bytes.length);
      all[all.length - 1] = '\n';
      LineReader reader = new LineReader(new ByteArrayInputStream(all), "file");
      assertEquals("ok", reader.next());
      InvalidInputException e = assertThrows(InvalidInputException.class, reader::next);
      assertTrue(
          e.getMessage().startsWith("file, line 2: not UTF-8")
              && e.getMessage().contains("byte 1 of the line (byte 4 "),
          e.getMessage());
    }
  }

  @Test
  void knowsWhetherALineIsThere() {
    LineReader reader =
        new LineReader(new ByteArrayInputStream("a\nb".getBytes(StandardCharsets.UTF_8)), "in");
    assertTrue(reader.ready());
    assertEquals("a", reader.next());
    assertEquals(1, reader.line());
    assertEquals(2, reader.offset());
    assertEquals("b", reader.next());
    assertNull(reader.next());
    assertNull(reader.next());
  }

  @Test
  void tellsOfAReadThatFails() {
    InputStream broken =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("device gone");
          }
        };
    EspalierException e =
        assertThrows(EspalierException.class, () -> new LineReader(broken, "tape").next());
    assertEquals("tape: cannot be read: device gone", e.getMessage());
  }
}
