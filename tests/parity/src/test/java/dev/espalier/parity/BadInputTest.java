package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tokens and shapes that a model has no place for are refused, with both values. */
class BadInputTest {
  private static void assertRefused(Encoder encoder, Ops ops, PackedBatch batch, String message) {
    InvalidInputException e =
        assertThrows(
            InvalidInputException.class, () -> encoder.forward(ops, batch, EncoderObserver.NONE));
    assertEquals(message, e.getMessage());
    ops.reset();
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void tokensThatTheModelDoesNotHave(Subject subject) {
    try (Backend backend = subject.open(1);
        ModelSource source = RandomModel.of(12, 2, 16, 1, 5);
        Encoder encoder = EncoderPacker.pack(source, backend);
        Workspace workspace = backend.workspace(encoder.plan(1))) {
      Ops ops = new Ops(backend, workspace);
      for (int id : new int[] {-1, RandomModel.VOCABULARY, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
        assertRefused(
            encoder,
            ops,
            PackedBatch.of(new int[] {2, 3}, new int[] {2, id, 3}),
            "sequence 1, position 1: token id " + id + " is outside the vocabulary of 100");
      }
      for (int type : new int[] {-1, 2}) {
        PackedBatch.Builder builder = new PackedBatch.Builder();
        builder.add(new int[] {2, 3}, new int[] {0, type}, 0, 2);
        assertRefused(
            encoder,
            ops,
            builder.build(),
            "sequence 0, position 1: token type " + type + " is outside the model's 2 token types");
      }
      assertRefused(
          encoder,
          ops,
          PackedBatch.of(new int[2], new int[RandomModel.POSITIONS + 1]),
          "sequence 1 has 301 tokens, the model has positions for 300; truncate it");
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void columnsThatDoNotFit(Subject subject) {
    try (Backend backend = subject.open(1);
        Linear w = backend.linear(4, 6, RowSource.of(new float[24], 6), new float[4])) {
      InvalidInputException e =
          assertThrows(
              InvalidInputException.class,
              () ->
                  OpRunner.run(
                      backend,
                      ops -> ops.toArray(ops.linear(ops.fromArray(new float[5], 1, 5), w))));
      assertEquals("linear: x has 5 columns, weight expects 6", e.getMessage());
    }
  }

  @Test
  void noTextsAreNoVectorsAndASmallBufferIsRefused() {
    try (ModelSource source = RandomModel.of(12, 2, 16, 1, 5);
        Model model = Model.load(source, ModelOptions.DEFAULT.withBackend("java"))) {
      TextEmbedder embedder = new TextEmbedder(model);
      assertEquals(0, embedder.embed(List.of()).length);
      embedder.embed(List.of(), new float[0], 0);
      for (int offset : new int[] {-1, 1, Integer.MAX_VALUE}) {
        assertThrows(
            InvalidInputException.class, () -> embedder.embed(List.of("a"), new float[12], offset));
      }
    }
  }
}
