package dev.espalier.model;

import dev.espalier.InvalidInputException;
import java.util.OptionalInt;

/**
 * What a caller knows of a model that its files do not tell.
 *
 * @param heads attention heads a layer, for an ONNX file whose graph does not tell
 */
public record OpenOptions(OptionalInt heads) {
  public OpenOptions {
    heads.ifPresent(
        n -> {
          if (n < 1) {
            throw new InvalidInputException("heads is " + n + ", expected at least 1");
          }
        });
  }

  /** Everything as the model says. */
  public static OpenOptions none() {
    return new OpenOptions(OptionalInt.empty());
  }

  public OpenOptions withHeads(int value) {
    return new OpenOptions(OptionalInt.of(value));
  }
}
