package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.fail;

import dev.espalier.backend.Backend;
import dev.espalier.backend.Backends;
import dev.espalier.backend.CpuBackend;
import dev.espalier.backend.CudaBackend;
import dev.espalier.backend.InstructionSet;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A backend to test: java, or cpu with one instruction set, or cuda, or simt: the cuda backend on
 * the emulator of tests/simt. One that is missing skips its tests, aloud; {@code
 * -Despalier.requireBackend=cpu} makes that a failure, for cpu's instruction sets where the
 * processor has them.
 *
 * @param backend its name
 * @param isa for cpu
 */
record Subject(String backend, Optional<InstructionSet> isa) {
  private static final Subject SIMT = new Subject("simt", Optional.empty());

  private static final String REQUIRED = System.getProperty("espalier.requireBackend", "");

  /** Every backend and instruction set there is, here or elsewhere. */
  static Stream<Subject> all() {
    return Stream.concat(
        Stream.of(new Subject("java", Optional.empty())),
        Stream.concat(cpu(), Stream.of(new Subject("cuda", Optional.empty()))));
  }

  /** Those, and the cuda backend on the emulator. */
  static Stream<Subject> allAndEmulated() {
    return Stream.concat(all(), Stream.of(SIMT));
  }

  /** Thousands of times slower than a card: tests give it fewer cases. */
  boolean isEmulated() {
    return this == SIMT;
  }

  /** The emulator alone. */
  static Stream<Subject> emulated() {
    return Stream.of(SIMT);
  }

  /** How many of {@code usual} rounds of a test it gets. */
  int rounds(int usual) {
    return isEmulated() ? Math.max(1, usual / 20) : Shared.rounds(usual);
  }

  /** The native CPU backend with each instruction set. */
  static Stream<Subject> cpu() {
    return Arrays.stream(InstructionSet.values()).map(i -> new Subject("cpu", Optional.of(i)));
  }

  /** Those of them that multiply bf16 numbers. */
  static Stream<Subject> bf16() {
    return cpu().filter(s -> s.isa().orElseThrow().multipliesBf16());
  }

  /** The backend with {@code threads} threads; skips the test if it is missing. */
  Backend open(int threads) {
    return open(threads, DType.F32);
  }

  /** The same, made for models in a type. */
  Backend open(int threads, DType dtype) {
    Optional<String> missing = missing();
    if (missing.isPresent()) {
      if (isRequired()) {
        fail(this + ": required, but " + missing.get());
      }
      Shared.skip(this + ": " + missing.get());
    }
    return backend.equals("simt")
        ? Emulator.open(dtype)
        : Backends.create(backend, isa, threads, Optional.of(dtype));
  }

  private Optional<String> missing() {
    return switch (backend) {
      case "java" -> Optional.empty();
      case "cpu" -> {
        if (!CpuBackend.isAvailable()) {
          yield Optional.of(CpuBackend.unavailabilityCause().getMessage());
        }
        yield isa.orElseThrow().isAvailable()
            ? Optional.empty()
            : Optional.of(
                "neither run nor tested here: this machine or build lacks " + isa.get().label());
      }
      case "simt" -> Emulator.missing();
      case "cuda" ->
          Optional.ofNullable(CudaBackend.unavailabilityCause()).map(Throwable::getMessage);
      default -> throw new IllegalStateException(backend);
    };
  }

  private boolean isRequired() {
    if (!Arrays.asList(REQUIRED.split(",")).contains(backend)) {
      return false;
    }
    return isa.isEmpty() || !CpuBackend.isAvailable() || processorHas(isa.get());
  }

  /** Whether the processor itself has the instruction set, whatever the build says. */
  private static boolean processorHas(InstructionSet isa) {
    List<String> needed =
        switch (isa) {
          case PORTABLE -> List.of();
          case AVX2 -> List.of("avx2", "fma");
          case AVX_VNNI -> List.of("avx2", "fma", "avx_vnni");
          case AVX512 -> List.of("avx512f", "avx512bw", "avx512vl", "avx512dq");
          case AVX512VL_VNNI, AVX512_VNNI ->
              List.of("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni");
          case AVX512_BF16 ->
              List.of("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni", "avx512_bf16");
          case AMX -> List.of("avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16");
        };
    try {
      Set<String> flags =
          Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
              .filter(l -> l.startsWith("flags"))
              .findFirst()
              .map(l -> Set.of(l.substring(l.indexOf(':') + 1).trim().split(" +")))
              .orElse(Set.of());
      return flags.containsAll(needed);
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public String toString() {
    return backend + isa.map(i -> " " + i.label()).orElse("");
  }
}
