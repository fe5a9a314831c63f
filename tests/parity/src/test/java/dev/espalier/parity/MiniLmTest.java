package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.espalier.backend.InstructionSet;
import dev.espalier.model.Pooling;
import dev.espalier.task.EmbedOptions;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** all-MiniLM-L6-v2 from its Maven artifact, from text to vector. */
@Tag("values")
class MiniLmTest {
  /** Vectors of length 1: what fp32 leaves of float64 results after six layers. */
  private static final double LARGEST_DIFFERENCE = 2e-6;

  private static final double SMALLEST_COSINE = 0.999999;

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void vectorsEqualThePublishedModels(Subject subject) {
    List<RealModels.Golden> goldens = new ArrayList<>(RealModels.goldens());
    if (subject.backend().equals("java")) {
      goldens.sort(Comparator.comparingInt(g -> g.ids().length));
      goldens = goldens.subList(0, 6); // the reference is slow
    }
    try (Model model = RealModels.load(RealModels.MINILM, subject)) {
      List<String> texts = goldens.stream().map(RealModels.Golden::text).toList();
      TextEmbedder embedder = new TextEmbedder(model);
      float[][] vectors = embedder.embed(texts);
      double worst = 0;
      for (int i = 0; i < texts.size(); i++) {
        RealModels.Golden golden = goldens.get(i);
        int[] ids = model.tokenizer().encode(golden.text()).ids();
        if (golden.ids().length < embedder.settings().maxLength()) {
          assertArrayEquals(golden.ids(), ids, golden.text());
        } else {
          int kept = golden.ids().length - 1;
          assertArrayEquals(
              Arrays.copyOf(golden.ids(), kept), Arrays.copyOf(ids, kept), golden.text());
        }
        worst =
            Math.max(worst, check(golden.text(), golden.embedding(), RealModels.widen(vectors[i])));
      }
      System.out.printf(
          "MiniLM on %s: %d texts, largest difference from float64 %.2e%n",
          subject, texts.size(), worst);
    }
  }

  /** docs/results/int8-accuracy.md: without rotated inputs int8 reaches 0.997. */
  @ParameterizedTest
  @CsvSource({"I8, 0.999", "BF16, 0.9999", "F16, 0.999999"})
  void vectorsOfSmallerWeightsPointWhereThePublishedModelsDo(DType dtype, double least) {
    List<RealModels.Golden> goldens =
        RealModels.goldens().stream().filter(g -> g.ids().length <= 64).toList();
    Subject best = new Subject("cpu", Optional.of(InstructionSet.best()));
    ModelOptions options = ModelOptions.DEFAULT.withDtype(dtype);
    try (Model model = RealModels.load(RealModels.MINILM, best, options)) {
      float[][] vectors =
          new TextEmbedder(model).embed(goldens.stream().map(RealModels.Golden::text).toList());
      double sum = 0;
      for (int i = 0; i < vectors.length; i++) {
        sum += RealModels.cosine(goldens.get(i).embedding(), RealModels.widen(vectors[i]));
      }
      double mean = sum / vectors.length;
      System.out.printf(
          "MiniLM in %s: %d texts, mean cosine to float64 %.8f%n", dtype, vectors.length, mean);
      assertTrue(mean >= least, () -> "mean cosine " + mean);
    }
  }

  /** The word table, half of the weights, among them. */
  @Test
  void int8TakesLessThanAThirdAndAHalfOfFp32() {
    Subject best = new Subject("cpu", Optional.of(InstructionSet.best()));
    ModelOptions options = ModelOptions.DEFAULT.withDtype(DType.I8);
    try (Model fp32 = RealModels.load(RealModels.MINILM, best);
        Model int8 = RealModels.load(RealModels.MINILM, best, options)) {
      String bytes = int8.weightBytes() + " bytes of " + fp32.weightBytes();
      assertTrue(int8.weightBytes() * 3.5 <= fp32.weightBytes(), bytes);
    }
  }

  private static double check(String text, double[] expected, double[] actual) {
    double difference = RealModels.largestDifference(expected, actual);
    assertTrue(difference <= LARGEST_DIFFERENCE, () -> text + ": largest difference " + difference);
    double cosine = RealModels.cosine(expected, actual);
    assertTrue(cosine >= SMALLEST_COSINE, () -> text + ": cosine " + cosine);
    return difference;
  }

  @Test
  void vectorsEqualOnnxRuntimesOnTheSameIds() throws IOException, OrtException {
    List<String> texts =
        List.of(
            "",
            "a",
            "The weather is lovely today.",
            "It's so sunny outside! Ünïcödé, 東京 and [MASK] too.",
            "one two three four five six seven eight nine ten ".repeat(12),
            "padding computes nothing");
    byte[] onnx = onnx(RealModels.jar(RealModels.MINILM));
    Subject best = new Subject("cpu", Optional.of(InstructionSet.best()));
    try (Model model = RealModels.load(RealModels.MINILM, best);
        OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(2);
      float[][] vectors = new TextEmbedder(model).embed(texts);
      try (OrtSession session = OrtEnvironment.getEnvironment().createSession(onnx, options)) {
        double worst = 0;
        for (int i = 0; i < texts.size(); i++) {
          int[] ids = model.tokenizer().encode(texts.get(i)).ids();
          double[] expected = meanPooled(session, ids);
          worst = Math.max(worst, check(texts.get(i), expected, RealModels.widen(vectors[i])));
        }
        System.out.printf("MiniLM against ONNX Runtime: largest difference %.2e%n", worst);
      }
    }
  }

  /** One text through ONNX Runtime; its token vectors' mean, of length 1. */
  private static double[] meanPooled(OrtSession session, int[] ids) throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    long[][] tokens = {Arrays.stream(ids).asLongStream().toArray()};
    long[][] ones = {new long[ids.length]};
    Arrays.fill(ones[0], 1);
    long[][] zeros = {new long[ids.length]};
    try (OnnxTensor input = OnnxTensor.createTensor(environment, tokens);
        OnnxTensor mask = OnnxTensor.createTensor(environment, ones);
        OnnxTensor types = OnnxTensor.createTensor(environment, zeros)) {
      Map<String, OnnxTensor> inputs =
          Map.of("input_ids", input, "attention_mask", mask, "token_type_ids", types);
      try (OrtSession.Result result = session.run(inputs)) {
        float[][] hidden = ((float[][][]) result.get(0).getValue())[0];
        assertEquals(ids.length, hidden.length);
        double[] mean = new double[hidden[0].length];
        for (float[] row : hidden) {
          for (int c = 0; c < mean.length; c++) {
            mean[c] += (double) row[c] / hidden.length;
          }
        }
        double norm = Math.sqrt(Arrays.stream(mean).map(v -> v * v).sum());
        return Arrays.stream(mean).map(v -> v / norm).toArray();
      }
    }
  }

  private static byte[] onnx(Path jar) throws IOException {
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      ZipEntry entry =
          Collections.list(zip.entries()).stream()
              .filter(e -> e.getName().endsWith(".onnx"))
              .collect(Collectors.collectingAndThen(Collectors.toList(), l -> l.get(0)));
      return zip.getInputStream(entry).readAllBytes();
    }
  }

  @Test
  void onnxAndSafetensorsGiveTheSameBits() {
    String directory = System.getProperty("espalier.minilm.safetensors");
    if (directory == null) {
      Shared.skip(
          "no safetensors of all-MiniLM-L6-v2; name their directory with"
              + " -Despalier.minilm.safetensors=DIR");
    }
    List<String> texts =
        List.of(
            "", "The weather is lovely today.", "He drove to the stadium.", "word ".repeat(250));
    Subject best = new Subject("cpu", Optional.of(InstructionSet.best()));
    EmbedOptions options =
        EmbedOptions.DEFAULT.withPooling(Pooling.MEAN).withNormalize(true).withMaxLength(256);
    try (Model onnx = RealModels.load(RealModels.MINILM, best);
        Model safetensors = RealModels.load(directory, best)) {
      float[][] expected = new TextEmbedder(onnx, options).embed(texts);
      float[][] actual = new TextEmbedder(safetensors, options).embed(texts);
      for (int i = 0; i < texts.size(); i++) {
        assertArrayEquals(expected[i], actual[i], 0f, texts.get(i));
      }
    }
  }
}
