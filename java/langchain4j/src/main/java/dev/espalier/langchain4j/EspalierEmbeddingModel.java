package dev.espalier.langchain4j;

import dev.espalier.task.TextEmbedder;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.output.Response;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * LangChain4j's embedding model on a {@link TextEmbedder}. Segments of one call are packed into
 * batches without padding; a segment's vector does not depend on the others. Metadata of a segment
 * is not embedded.
 *
 * <p>Thread-safe. Lives as long as the embedder's model, which it does not close.
 */
public final class EspalierEmbeddingModel implements EmbeddingModel {
  private final TextEmbedder embedder;

  public EspalierEmbeddingModel(TextEmbedder embedder) {
    this.embedder = Objects.requireNonNull(embedder, "embedder");
  }

  /**
   * The vectors of segments, in their order; texts longer than the embedder's maximum are cut.
   *
   * @throws IllegalStateException if the model is closed
   */
  @Override
  public Response<List<Embedding>> embedAll(List<TextSegment> segments) {
    float[][] vectors = embedder.embed(segments.stream().map(TextSegment::text).toList());
    return Response.from(Arrays.stream(vectors).map(Embedding::from).toList());
  }

  @Override
  public int dimension() {
    return embedder.dimensions();
  }
}
