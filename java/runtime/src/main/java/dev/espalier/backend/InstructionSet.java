package dev.espalier.backend;

import dev.espalier.InvalidInputException;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeLibrary;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The instruction sets that the native CPU kernels are built for, ascending: the last available one
 * is the best; ordinals as in {@code espalier.h}.
 */
public enum InstructionSet {
  PORTABLE("portable"),
  AVX2("avx2"),
  /** AVX2 with int8 dot products. */
  AVX_VNNI("avx-vnni"),
  /** The same as AVX-VNNI in the encoding of AVX-512. */
  AVX512VL_VNNI("avx512vl-vnni"),
  AVX512("avx512"),
  AVX512_VNNI("avx512-vnni"),
  /** The same with products of bf16 numbers. */
  AVX512_BF16("avx512-bf16"),
  /** AVX512-BF16 and AMX, whose tiles multiply int8. Linux must allow them. */
  AMX("amx");

  private final String label;

  InstructionSet(String label) {
    this.label = label;
  }

  /** Its name for people and flags, e.g. {@code avx512-vnni}. */
  public String label() {
    return label;
  }

  /** Whether it can multiply bf16 numbers; others compute with bf16 weights in fp32. */
  public boolean multipliesBf16() {
    return compareTo(AVX512_BF16) >= 0;
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
