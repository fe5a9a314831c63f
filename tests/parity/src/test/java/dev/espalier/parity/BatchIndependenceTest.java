package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadMask;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A text's hidden states, pooler output and pooled vectors are the same bits alone and in any
 * batch, on any number of threads, whatever the head masks of the others. The bits of one thread
 * and a lone text are what everything else is held against.
 */
class BatchIndependenceTest {
  private static final long SEED = Long.getLong("espalier.seed", 7_000);
  private static final int TEXTS = 60;

  /** Largest number of tokens in one batch; several row blocks of any kernel. */
  private static final int BATCH_TOKENS = 700;

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#cpu")
  void aMediumModelGivesTheSameBits(Subject subject) {
    run(subject, () -> RandomModel.of(192, 6, 768, 2, 11), 25);
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#cpu")
  void aModelOfOddSizesGivesTheSameBits(Subject subject) {
    run(subject, () -> RandomModel.of(105, 7, 333, 1, 12), 25);
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#cpu")
  void anInt8ModelGivesTheSameBits(Subject subject) {
    run(subject, () -> RandomModel.of(192, 6, 768, 2, 13), DType.I8, 25);
    run(subject, () -> RandomModel.of(105, 7, 333, 1, 14), DType.I8, 10);
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#bf16")
  void aModelInBf16GivesTheSameBits(Subject subject) {
    run(subject, () -> RandomModel.of(192, 6, 768, 2, 17), DType.BF16, 25);
    run(subject, () -> RandomModel.of(105, 7, 333, 1, 18), DType.BF16, 10);
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void theGoldensGiveTheSameBits(Subject subject) {
    List<Path> goldens = Shared.goldens();
    boolean slow = subject.backend().equals("java");
    for (int i = 0; i < goldens.size(); i += Math.max(1, goldens.size() / (slow ? 3 : 9))) {
      Path golden = goldens.get(i);
      run(subject, () -> Models.open(golden.toString()), slow ? 1 : 4);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#emulated")
  void theEmulatedDeviceGivesTheSameBits(Subject subject) {
    run(subject, () -> RandomModel.of(40, 5, 70, 1, 15), 40);
    run(subject, () -> RandomModel.of(40, 5, 70, 1, 16), DType.I8, 40);
  }

  /** A text's tokens, its head mask, which may be null, and its bits when it is alone. */
  private record Text(int[] ids, int[] types, HeadMask mask, int[] bits) {
    PackedBatch.Builder addTo(PackedBatch.Builder batch) {
      return batch.add(ids, types, 0, ids.length, mask);
    }
  }

  private static void run(Subject subject, Supplier<ModelSource> model, int batches) {
    run(subject, model, DType.F32, batches);
  }

  private static void run(Subject subject, Supplier<ModelSource> model, DType dtype, int batches) {
    List<Text> texts = List.of();
    // The reference has one thread, the emulator does not gain by more.
    int most = subject.backend().equals("java") || subject.isEmulated() ? 1 : 4;
    for (int threads = 1; threads <= most; threads++) {
      try (Backend backend = subject.open(threads, dtype == DType.BF16 ? dtype : DType.F32);
          ModelSource source = model.get();
          Encoder encoder = EncoderPacker.pack(source, backend, dtype);
          Workspace workspace = backend.workspace(encoder.plan(BATCH_TOKENS, end(encoder)))) {
        Ops ops = new Ops(backend, workspace);
        if (threads == 1) {
          texts = texts(source, encoder, ops, subject.isEmulated() ? 12 : TEXTS);
        }
        String where =
            source.name() + " in " + dtype + " on " + subject + " with " + threads + " threads";
        for (int i = 0; i < subject.rounds(batches); i++) {
          check(encoder, ops, texts, SEED + 1000L * threads + i, where);
        }
      }
    }
  }

  private static List<Text> texts(ModelSource source, Encoder encoder, Ops ops, int count) {
    SplittableRandom random = new SplittableRandom(SEED);
    int longest = Math.min(source.config().maxPositions(), 256);
    List<Text> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = (int) Math.round(Math.pow(longest, random.nextDouble()));
      int[] ids = random.ints(length, 0, source.config().vocabSize()).toArray();
      int[] types = random.ints(length, 0, source.config().typeVocabSize()).toArray();
      HeadMask mask = i % 3 == 0 ? mask(source.config(), random) : null;
      Text text = new Text(ids, types, mask, null);
      PackedBatch alone = text.addTo(new PackedBatch.Builder()).build();
      texts.add(new Text(ids, types, mask, forward(encoder, ops, alone).get(0)));
    }
    return texts;
  }

  /** Half of the heads off, some at full strength, some at any. */
  private static HeadMask mask(ModelConfig config, SplittableRandom random) {
    float[] factors = new float[config.layers() * config.heads()];
    for (int i = 0; i < factors.length; i++) {
      int kind = random.nextInt(4);
      factors[i] = kind < 2 ? 0 : kind == 2 ? 1 : (float) random.nextGaussian();
    }
    return HeadMask.of(config.layers(), config.heads(), factors);
  }

  private static void check(Encoder encoder, Ops ops, List<Text> texts, long seed, String where) {
    SplittableRandom random = new SplittableRandom(seed);
    PackedBatch.Builder builder = new PackedBatch.Builder();
    List<Integer> chosen = new ArrayList<>();
    int budget = random.nextInt(1, BATCH_TOKENS + 1);
    while (true) {
      int t = random.nextInt(texts.size());
      int length = texts.get(t).ids().length;
      if (!chosen.isEmpty() && builder.tokens() + length > budget) {
        break;
      }
      texts.get(t).addTo(builder);
      chosen.add(t);
    }
    List<int[]> together = forward(encoder, ops, builder.build());
    for (int b = 0; b < chosen.size(); b++) {
      int place = b;
      assertArrayEquals(
          texts.get(chosen.get(b)).bits(),
          together.get(b),
          () ->
              where
                  + ", seed "
                  + seed
                  + ": text "
                  + chosen.get(place)
                  + " of "
                  + texts.get(chosen.get(place)).ids().length
                  + " tokens, place "
                  + place
                  + " of "
                  + chosen.size());
    }
  }

  /**
   * For every sequence, the bits of its hidden states, its pooler output if any, and its mean and
   * maximum.
   */
  private static List<int[]> forward(Encoder encoder, Ops ops, PackedBatch batch) {
    ops.reset();
    Tensor x = encoder.forward(ops, batch, EncoderObserver.NONE);
    int h = x.columns();
    float[] hidden = ops.toArray(x);
    List<float[]> pooled = new ArrayList<>();
    pooled.add(ops.toArray(ops.pool(x, batch, Pooling.MEAN, true)));
    pooled.add(ops.toArray(ops.pool(x, batch, Pooling.MAX, false)));
    if (encoder.hasPooler()) {
      pooled.add(ops.toArray(encoder.pooler(ops, x, batch)));
    }
    List<int[]> bits = new ArrayList<>();
    for (int b = 0; b < batch.sequences(); b++) {
      float[] all =
          Arrays.copyOf(
              Arrays.copyOfRange(hidden, batch.offset(b) * h, batch.offset(b + 1) * h),
              (batch.length(b) + pooled.size()) * h);
      for (int p = 0; p < pooled.size(); p++) {
        System.arraycopy(pooled.get(p), b * h, all, (batch.length(b) + p) * h, h);
      }
      bits.add(rawBits(all));
    }
    return bits;
  }

  private static int[] rawBits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  /** What {@link #forward} computes after the encoder, for the plan of its temporaries. */
  private static Encoder.PassEnd end(Encoder encoder) {
    return (ops, x, batch) -> {
      ops.pool(x, batch, Pooling.MEAN, true);
      ops.pool(x, batch, Pooling.MAX, false);
      if (encoder.hasPooler()) {
        encoder.pooler(ops, x, batch);
      }
    };
  }
}
