package dev.espalier.parity;

import dev.espalier.model.ModelSource;
import dev.espalier.task.BatchResult;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import java.util.Iterator;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Streams texts through a batch runner and prints resident memory after a fifth and at the end. */
final class StreamProbe {
  private StreamProbe() {}

  public static void main(String[] args) throws Exception {
    long texts = Long.parseLong(args[0]);
    ModelOptions options = ModelOptions.DEFAULT.withBackend("cpu").withThreads(2);
    try (ModelSource source = RandomModel.of(16, 2, 32, 1, 7);
        Model model = Model.load(source, options);
        BatchRunner<String, float[]> runner = new BatchRunner<>(new TextEmbedder(model))) {
      Stream<String> items =
          LongStream.range(0, texts).mapToObj(i -> "a b c d e f g h ".repeat(1 + (int) (i % 5)));
      long first = 0;
      try (Stream<BatchResult<String, float[]>> results = runner.stream(items)) {
        Iterator<BatchResult<String, float[]>> read = results.iterator();
        for (long i = 0; read.hasNext(); i++) {
          if (read.next().orElseThrow().length != 16) {
            throw new IllegalStateException("not a vector");
          }
          if (i == texts / 5) {
            first = LoadCloseProbe.residentKib();
          }
        }
      }
      System.out.println(first + " " + LoadCloseProbe.residentKib());
    }
  }
}
