package dev.espalier.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.tensor.HeadMask;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HeadMaskSetTest {
  @TempDir private Path directory;

  @Test
  void isReadAsItWasWritten() {
    HeadMask a = HeadMask.of(new float[][] {{1, 0, 0.25f}, {-3, 1e-30f, 1}});
    HeadMaskSet set =
        new HeadMaskSet(2, 3, new TreeMap<>(Map.of("a", a, "b", HeadMask.ones(2, 3))));
    Path file = directory.resolve("masks.json");
    set.write(file);
    assertEquals(set, HeadMaskSet.read(file));
    assertEquals(a, HeadMaskSet.read(file).mask("a"));
    InvalidInputException e = assertThrows(InvalidInputException.class, () -> set.mask("c"));
    assertEquals("there is no head mask \"c\"; there are [a, b]", e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"format\":2,\"layers\":1,\"heads\":1,\"masks\":{}}",
        "{\"format\":1,\"layers\":1,\"heads\":2,\"masks\":{\"a\":[[1]]}}",
        "{\"format\":1,\"layers\":2,\"heads\":1,\"masks\":{\"a\":[[1]]}}",
        "{\"format\":1,\"layers\":1,\"heads\":1,\"masks\":{\"a\":[[\"1\"]]}}",
        "{\"format\":1,\"layers\":1,\"heads\":1,\"masks\":{\"a\":[[1e99]]}}",
        "{\"format\":1,\"layers\":1,\"heads\":1,\"masks\":[]}"
      })
  void damagedFilesAreRefusedByName(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("masks.json"), text);
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> HeadMaskSet.read(file));
    assertTrue(e.getMessage().contains("masks.json"), e.getMessage());
  }
}
