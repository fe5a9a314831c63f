package dev.espalier.backend;

import dev.espalier.InvalidInputException;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeLibrary;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The instruction sets that the native CPU kernels are built for, ascending; ordinals as in {@code
 * espalier.h}.
 */
public enum InstructionSet {
  PORTABLE("portable"),
  AVX2("avx2"),
  AVX512("avx512"),
  AVX512_VNNI("avx512-vnni");

  private final String label;

  InstructionSet(String label) {
    this.label = label;
  }

  /** Its name for people and flags, e.g. {@code avx512-vnni}. */
  public String label() {
    return label;
  }

  /** Whether both this machine and this build have it. */
  public boolean isAvailable() {
    return NativeLibrary.isAvailable() && Espalier.esp_isa_available(ordinal()) != 0;
  }

  /** The last one that is available; {@link #PORTABLE} if none is. */
  public static InstructionSet best() {
    InstructionSet best = PORTABLE;
    for (InstructionSet isa : values()) {
      best = isa.isAvailable() ? isa : best;
    }
    return best;
  }

  /**
   * @throws InvalidInputException if there is none of that name
   */
  public static InstructionSet ofLabel(String label) {
    return Arrays.stream(values())
        .filter(i -> i.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "instruction set \""
                        + label
                        + "\" is unknown; known are "
                        + Arrays.stream(values())
                            .map(InstructionSet::label)
                            .collect(Collectors.joining(", "))));
  }
}
