package dev.espalier.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Backends;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.Ops;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Products, attention and whole encoders of BERT's shapes on one device, timed. Written for a GPU;
 * runs on every backend. {@code tests/gpu} calls it.
 */
@Command(
    name = "device",
    mixinStandardHelpOptions = true,
    description =
        "Times products, attention on ragged lengths, and whole encoders with random weights.")
final class DeviceBench implements Callable<Integer> {
  @Option(names = "--backend", description = "cuda, cuda:N, cpu (default: ${DEFAULT-VALUE}).")
  private String backendName = "cuda";

  @Option(names = "--tiny", description = "Small shapes, to try the program itself.")
  private boolean tiny;

  @Option(names = "--rounds", description = "Timed rounds of each (default: ${DEFAULT-VALUE}).")
  private int rounds = 7;

  @Option(names = "--out", required = true, description = "The JSON file to write.")
  private Path out;

  private final ObjectMapper mapper = new ObjectMapper();
  private final ObjectNode record = mapper.createObjectNode();
  private final Random random = new Random(1);

  public static void main(String[] args) {
    System.exit(new CommandLine(new DeviceBench()).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    int[] lengths = raggedLengths(tiny ? 3 : 512, tiny ? 12 : 384, tiny ? 6 : 64);
    ArrayNode list = record.putArray("lengths");
    for (int length : lengths) {
      list.add(length);
    }
    for (DType dtype : List.of(DType.F16, DType.BF16, DType.F32)) {
      try (Backend backend =
          Backends.create(backendName, Optional.empty(), 0, Optional.of(dtype))) {
        record.put("backend", backend.description());
        products(backend, dtype);
        attention(backend, dtype, lengths);
      }
    }
    for (DType dtype : List.of(DType.F16, DType.I8)) {
      encoder("base", dtype, lengths, 12);
      encoder("large", dtype, lengths, 24);
    }
    Files.writeString(out, mapper.writerWithDefaultPrettyPrinter().writeValueAsString(record));
    return 0;
  }

  /** Lengths as requests have them: many short ones, a few long ones. The same every time. */
  static int[] raggedLengths(int count, int most, int mean) {
    Random lengths = new Random(7);
    int[] all = new int[count];
    for (int i = 0; i < count; i++) {
      double exponential = -Math.log(1 - lengths.nextDouble());
      all[i] = (int) Math.max(4, Math.min(most, Math.round(mean * exponential)));
    }
    return all;
  }

  private int[][] shapes() {
    return tiny
        ? new int[][] {{40, 64, 48}}
        : new int[][] {
          {4096, 768, 768}, {4096, 3072, 768}, {4096, 768, 3072}, {8192, 3072, 1024},
          {8192, 1024, 4096}, {32768, 1024, 1024}, {32768, 4096, 1024}, {32768, 1024, 4096},
        };
  }

  private float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  private void products(Backend backend, DType dtype) {
    for (int[] s : shapes()) {
      float[] weight = values(s[1] * s[2]);
      RowSource rows = RowSource.of(weight, s[2]);
      try (Linear w = backend.linear(s[1], s[2], rows, new float[s[1]])) {
        product(backend, dtype.name(), s, w);
      }
      if (dtype == DType.F16) {
        try (Linear w = int8(backend, s[1], s[2])) {
          product(backend, "I8", s, w);
        }
      }
    }
  }

  private Linear int8(Backend backend, int n, int k) {
    byte[] codes = new byte[n * k];
    random.nextBytes(codes);
    float[] scales = new float[n];
    java.util.Arrays.fill(scales, 0.01f);
    return backend.int8Linear(n, k, CodeSource.of("random", codes, scales, n, k), new float[n]);
  }

  /** A pass that ends in something small to read, which waits for all that was started before. */
  private interface Repeated {
    Tensor run(Ops ops, int times);
  }

  private void product(Backend backend, String dtype, int[] s, Linear w) {
    float[] x = values(s[0] * s[2]);
    PackedBatch one = new PackedBatch.Builder().add(new int[s[0]], null, 0, s[0]).build();
    double seconds =
        perRepetition(
            backend,
            (ops, times) -> {
              Tensor in = ops.fromArray(x, s[0], s[2]);
              Tensor y = null;
              for (int i = 0; i < times; i++) {
                y = ops.linear(in, w);
              }
              return ops.pool(y, one, Pooling.CLS, false);
            });
    ObjectNode row = record.withArray("products").addObject();
    row.put("dtype", dtype).put("m", s[0]).put("n", s[1]).put("k", s[2]).put("seconds", seconds);
    row.put("tera_per_second", 2.0 * s[0] * s[1] * s[2] / seconds / 1e12);
    say("product %-5s %6d x %5d x %5d  %9.1f us", dtype, s[0], s[1], s[2], seconds * 1e6);
  }

  private void attention(Backend backend, DType dtype, int[] lengths) {
    int width = tiny ? 16 : 64;
    int tokens = java.util.Arrays.stream(lengths).sum();
    PackedBatch batch = batch(lengths);
    for (int count : tiny ? new int[] {2, 1} : new int[] {12, 6, 16}) {
      List<HeadLayout.Head> list = new ArrayList<>();
      for (int h = 0; h < count; h++) {
        list.add(new HeadLayout.Head(h, width, width, (float) (1 / Math.sqrt(width))));
      }
      try (Heads heads = backend.heads(new HeadLayout(list))) {
        int columns = 3 * count * width;
        float[] qkv = values(tokens * columns);
        double seconds =
            perRepetition(
                backend,
                (ops, times) -> {
                  Tensor in = ops.fromArray(qkv, tokens, columns);
                  Tensor y = null;
                  for (int i = 0; i < times; i++) {
                    y = ops.attention(in, batch, heads, 0);
                  }
                  return ops.pool(y, batch, Pooling.CLS, false);
                });
        ObjectNode row = record.withArray("attention").addObject();
        row.put("dtype", dtype.name()).put("heads", count).put("width", width);
        row.put("tokens", tokens).put("seconds", seconds);
        say("attention %-5s %2d heads  %9.1f us", dtype, count, seconds * 1e6);
      }
    }
  }

  /** Median time of one repetition: a long pass less a short one, so that their ends cancel. */
  private double perRepetition(Backend backend, Repeated pass) {
    int many = tiny ? 3 : 21;
    WorkspacePlan plan = WorkspacePlan.of(backend, ops -> ops.toArray(pass.run(ops, many)));
    WorkspacePlan short1 = WorkspacePlan.of(backend, ops -> ops.toArray(pass.run(ops, 1)));
    try (Workspace longer = backend.workspace(plan);
        Workspace shorter = backend.workspace(short1)) {
      double[] times = new double[rounds];
      for (int i = -1; i < rounds; i++) {
        double difference = time(backend, longer, pass, many) - time(backend, shorter, pass, 1);
        if (i >= 0) {
          times[i] = difference / (many - 1);
        }
      }
      return Spread.of(times).median();
    }
  }

  private static double time(Backend backend, Workspace workspace, Repeated pass, int times) {
    Ops ops = new Ops(backend, workspace);
    ops.reset();
    long start = System.nanoTime();
    ops.toArray(pass.run(ops, times));
    return (System.nanoTime() - start) / 1e9;
  }

  private static PackedBatch batch(int[] lengths) {
    PackedBatch.Builder batch = new PackedBatch.Builder();
    Random ids = new Random(3);
    for (int length : lengths) {
      batch.add(ids.ints(length, 0, 30000).toArray(), null, 0, length);
    }
    return batch.build();
  }

  private void encoder(String shape, DType dtype, int[] lengths, int layers) {
    boolean large = shape.equals("large");
    int hidden = tiny ? 32 : large ? 1024 : 768;
    Optional<DType> elements = Optional.of(DType.F16);
    try (Backend backend = Backends.create(backendName, Optional.empty(), 0, elements);
        ModelSource source =
            RandomBert.of(hidden, tiny ? 2 : large ? 16 : 12, 4 * hidden, tiny ? 1 : layers);
        Encoder encoder = EncoderPacker.pack(source, backend, dtype)) {
      PackedBatch batch = batch(lengths);
      WorkspacePlan plan =
          encoder.plan(
              batch.tokens(), (ops, x, b) -> ops.toArray(ops.pool(x, b, Pooling.CLS, false)));
      double[] times = new double[rounds];
      try (Workspace workspace = backend.workspace(plan)) {
        Ops ops = new Ops(backend, workspace);
        for (int i = -2; i < rounds; i++) {
          ops.reset();
          long start = System.nanoTime();
          Tensor x = encoder.forward(ops, batch, EncoderObserver.NONE);
          ops.toArray(ops.pool(x, batch, Pooling.CLS, false));
          if (i >= 0) {
            times[i] = (System.nanoTime() - start) / 1e9;
          }
        }
      }
      double seconds = Spread.of(times).median();
      ObjectNode row = record.withArray("encoders").addObject();
      row.put("shape", shape).put("dtype", dtype.name()).put("sequences", lengths.length);
      row.put("tokens", batch.tokens()).put("seconds", seconds);
      row.put("sequences_per_second", lengths.length / seconds);
      say("encoder %-5s %-4s  %9.2f ms a batch", shape, dtype, seconds * 1e3);
    }
  }

  private static void say(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }
}
