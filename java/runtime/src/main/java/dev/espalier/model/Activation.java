package dev.espalier.model;

import dev.espalier.UnsupportedModelException;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Activation functions by their names in {@code config.json}; the ordinals are those of {@code
 * espalier.h}.
 */
public enum Activation {
  /** {@code x (1 + erf(x / sqrt 2)) / 2}. */
  GELU("gelu"),
  /** {@code x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2}. */
  GELU_NEW("gelu_new"),
  /** The formula of {@link #GELU_NEW}. */
  GELU_PYTORCH_TANH("gelu_pytorch_tanh"),
  /** {@code x (1 + tanh(0.7978845608 x (1 + 0.044715 x^2))) / 2}. */
  GELU_FAST("gelu_fast"),
  /** {@code x sigmoid(1.702 x)}. */
  QUICK_GELU("quick_gelu"),
  RELU("relu"),
  /** {@code x sigmoid(x)}; {@code config.json} may also call it {@code swish}. */
  SILU("silu"),
  TANH("tanh");

  private final String configName;

  Activation(String configName) {
    this.configName = configName;
  }

  /** The name as {@code config.json} has it. */
  public String configName() {
    return configName;
  }

  /** The activation of that name; empty if there is none. */
  public static Optional<Activation> find(String name) {
    if (name.equals("swish")) {
      return Optional.of(SILU);
    }
    return Arrays.stream(values()).filter(a -> a.configName.equals(name)).findFirst();
  }

  /** All names, for messages. */
  public static String knownNames() {
    return Arrays.stream(values()).map(Activation::configName).collect(Collectors.joining(", "));
  }

  /**
   * @throws UnsupportedModelException if no activation has that name
   */
  public static Activation ofConfigName(String name) {
    return find(name)
        .orElseThrow(
            () ->
                new UnsupportedModelException(
                    "config.json: hidden_act \""
                        + name
                        + "\" is not implemented; known are "
                        + knownNames()));
  }
}
