package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.BackendUnavailableException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Backends;
import dev.espalier.backend.CpuBackend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.task.Vectors;
import dev.espalier.tensor.DType;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Products of bf16 numbers on the CPU: who gets them, and what they do to whole models. */
class Bf16Test {
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#cpu")
  void onlyWhoAsksForBf16GetsItsProducts(Subject subject) {
    subject.open(1).close();
    boolean has = subject.isa().orElseThrow().multipliesBf16();
    for (DType dtype : new DType[] {null, DType.F32, DType.F16, DType.BF16, DType.I8}) {
      try (Backend backend = Backends.create("cpu", subject.isa(), 1, Optional.ofNullable(dtype))) {
        boolean expected = has && dtype == DType.BF16;
        assertEquals(expected ? DType.BF16 : DType.F32, backend.products(), subject + " " + dtype);
        assertEquals(expected, backend.description().contains("bf16 products"));
      }
    }
    if (!has) {
      BackendUnavailableException e =
          assertThrows(
              BackendUnavailableException.class,
              () -> new CpuBackend(subject.isa().orElseThrow(), 1, DType.BF16));
      assertTrue(e.getMessage().contains("has no bf16 products"), e::getMessage);
    }
  }

  /** There is no promise of fp32; a cosine far from 1 would be a fault all the same. */
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#bf16")
  void wholeModelsStayNearFp32(Subject subject) {
    try (Backend products = subject.open(2, DType.BF16);
        Backend plain = subject.open(2)) {
      for (Path directory : Shared.goldens()) {
        float[] expected = hidden(directory, plain, DType.F32);
        float[] actual = hidden(directory, products, DType.BF16);
        double cosine = Vectors.cosine(expected, actual);
        System.out.printf(
            "%s in bf16 on %s: cosine %.6f%n", directory.getFileName(), subject, cosine);
        assertTrue(cosine > 0.99, () -> directory + ": cosine " + cosine);
        assertFalse(cosine == 1, "bf16 gives what fp32 gives");
      }
    }
  }

  private static float[] hidden(Path directory, Backend backend, DType dtype) {
    try (GoldenFixture fixture = GoldenFixture.open(directory);
        ModelSource source = Models.open(directory.toString());
        Encoder encoder = EncoderPacker.pack(source, backend, dtype);
        Workspace workspace = backend.workspace(encoder.plan(fixture.batch().tokens()))) {
      Ops ops = new Ops(backend, workspace);
      return ops.toArray(encoder.forward(ops, fixture.batch(), EncoderObserver.NONE));
    }
  }
}
