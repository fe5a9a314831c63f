package dev.espalier.springai;

import dev.espalier.InvalidInputException;
import dev.espalier.task.TextEmbedder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.springframework.ai.document.Document;
import org.springframework.ai.embedding.Embedding;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.embedding.EmbeddingOptions;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.embedding.EmbeddingResponse;

/**
 * Spring AI's embedding model on a {@link TextEmbedder}. Texts of one call are packed into batches
 * without padding; a text's vector does not depend on the others. Of a document its text is
 * embedded, without metadata.
 *
 * <p>Thread-safe. Lives as long as the embedder's model, which it does not close.
 */
public final class EspalierEmbeddingModel implements EmbeddingModel {
  private final TextEmbedder embedder;

  public EspalierEmbeddingModel(TextEmbedder embedder) {
    this.embedder = Objects.requireNonNull(embedder, "embedder");
  }

  /**
   * The vectors of texts, in their order; texts longer than the embedder's maximum are cut. The
   * model's name in the options is not looked at: there is one model.
   *
   * @throws InvalidInputException if a text is null, or the options ask for another number of
   *     dimensions than the model has
   * @throws IllegalStateException if the model is closed
   */
  @Override
  public EmbeddingResponse call(EmbeddingRequest request) {
    EmbeddingOptions options = request.getOptions();
    Integer asked = options == null ? null : options.getDimensions();
    if (asked != null && asked != dimensions()) {
      throw new InvalidInputException(
          "options: dimensions is "
              + asked
              + ", the model has "
              + dimensions()
              + " and cannot give others");
    }
    float[][] vectors = embedder.embed(request.getInstructions());
    List<Embedding> embeddings = new ArrayList<>(vectors.length);
    for (float[] vector : vectors) {
      embeddings.add(new Embedding(vector, embeddings.size()));
    }
    return new EmbeddingResponse(embeddings);
  }

  @Override
  public float[] embed(Document document) {
    return embedder.embed(getEmbeddingContent(document));
  }

  @Override
  public int dimensions() {
    return embedder.dimensions();
  }
}
