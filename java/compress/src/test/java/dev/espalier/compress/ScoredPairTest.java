package dev.espalier.compress;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScoredPairTest {
  @TempDir Path temp;

  private List<ScoredPair> read(String name, String text) throws IOException {
    return ScoredPair.read(Files.writeString(temp.resolve(name), text));
  }

  @Test
  void theBenchmarksOwnForm() throws IOException {
    List<ScoredPair> expected =
        List.of(new ScoredPair("a, b", "say \"x\"", 5), new ScoredPair("two\nlines", "", 2.5));
    assertEquals(expected, read("a.csv", "\"a, b\",\"say \"\"x\"\"\",5.0\r\n\"two\nlines\",,2.5"));
  }

  @Test
  void namedColumnsInAnyOrder() throws IOException {
    List<ScoredPair> expected = List.of(new ScoredPair("p", "q \"r", 1));
    assertEquals(expected, read("a.tsv", "id\tscore\tSentence2\tsentence1\n7\t1\tq \"r\tp\n\n"));
    assertEquals(expected, read("b.csv", "\uFEFFscore,sentence2,sentence1\n1,\"q \"\"r\",p\n"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a,b,c|score",
        "a,b,NaN|finite",
        "a,b|columns",
        "a,b,1%c,d|line 2",
        "a,b,1%c,d,2,e|line 2",
        "\"a,b,1|not closed",
        "\"a\"x,b,1|closing quote",
        "''|is empty",
      })
  void refusesByLine(String text, String message) throws IOException {
    InvalidInputException e =
        assertThrows(InvalidInputException.class, () -> read("a.csv", text.replace('%', '\n')));
    assertTrue(
        e.getMessage().contains(message) && e.getMessage().contains("a.csv"), e.getMessage());
  }

  @Test
  void refusesWhatIsNoText() throws IOException {
    Path file = Files.write(temp.resolve("x.csv"), new byte[] {'a', (byte) 0xff});
    assertThrows(InvalidInputException.class, () -> ScoredPair.read(file));
    assertThrows(InvalidInputException.class, () -> ScoredPair.read(temp.resolve("none.csv")));
    assertThrows(InvalidInputException.class, () -> ScoredPair.read(temp));
  }
}
