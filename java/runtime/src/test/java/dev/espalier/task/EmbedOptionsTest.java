package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.Pooling;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EmbedOptionsTest {
  private static final EmbeddingSettings MODEL =
      new EmbeddingSettings(Pooling.MEAN, true, 6, Map.of("query", "q: "), null);

  @Test
  void theModelDecidesWhatTheCallerLeavesOpen() {
    assertEquals(MODEL, EmbedOptions.DEFAULT.over(Optional.of(MODEL), "m", 8));
    EmbedOptions options =
        EmbedOptions.DEFAULT
            .withPooling(Pooling.CLS)
            .withNormalize(false)
            .withMaxLength(8)
            .withPromptName("query");
    assertEquals(
        new EmbeddingSettings(Pooling.CLS, false, 8, Map.of("query", "q: "), "query"),
        options.over(Optional.of(MODEL), "m", 8));
  }

  @Test
  void aPoolingMakesAnEmbedderOfAPlainBert() {
    assertEquals(
        new EmbeddingSettings(Pooling.MAX, true, 8, Map.of(), null),
        EmbedOptions.DEFAULT.withPooling(Pooling.MAX).over(Optional.empty(), "m", 8));
    String message =
        assertThrows(
                InvalidInputException.class,
                () -> EmbedOptions.DEFAULT.over(Optional.empty(), "model.onnx", 8))
            .getMessage();
    assertTrue(message.startsWith("model.onnx: the model does not say"), message);
  }

  @Test
  void aLengthOutsideTheModelIsRefused() {
    for (int length : new int[] {1, 9}) {
      String message =
          assertThrows(
                  InvalidInputException.class,
                  () -> EmbedOptions.DEFAULT.withMaxLength(length).over(Optional.of(MODEL), "m", 8))
              .getMessage();
      assertTrue(message.contains("maximum length " + length + " is outside 2..8"), message);
    }
  }
}
