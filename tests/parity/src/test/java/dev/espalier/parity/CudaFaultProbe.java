package dev.espalier.parity;

import dev.espalier.CudaUnavailableException;
import dev.espalier.EspalierException;
import dev.espalier.backend.CudaBackend;
import dev.espalier.model.ModelSource;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;

/**
 * Loads a model and embeds a text, by each of the backends' names that it is given, and prints a
 * line for each: what computed, or the exception. Then why the cuda backend is unavailable.
 */
final class CudaFaultProbe {
  private CudaFaultProbe() {}

  public static void main(String[] backends) {
    for (String backend : backends) {
      System.out.println(attempt(backend));
    }
    EspalierException cause = CudaBackend.unavailabilityCause();
    System.out.println(cause == null ? "available" : text(cause));
  }

  private static String attempt(String backend) {
    ModelOptions options =
        ModelOptions.DEFAULT.withBackend(backend).withThreads(1).withBatchTokens(64);
    try (ModelSource source = RandomModel.of(256, 4, 1024, 1, 5);
        Model model = Model.load(source, options)) {
      int columns = new TextEmbedder(model).embed("a b c").length;
      return columns + " columns by " + model.backend();
    } catch (EspalierException e) {
      return text(e);
    }
  }

  private static String text(EspalierException e) {
    String reason = e instanceof CudaUnavailableException cuda ? " " + cuda.reason() : "";
    return e.getClass().getSimpleName() + reason + ": " + e.getMessage();
  }
}
