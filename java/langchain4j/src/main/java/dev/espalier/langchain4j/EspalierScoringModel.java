package dev.espalier.langchain4j;

import dev.espalier.task.Ranked;
import dev.espalier.task.Reranker;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.output.Response;
import dev.langchain4j.model.scoring.ScoringModel;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * LangChain4j's scoring model on a {@link Reranker}: how well segments answer a query. A segment's
 * score does not depend on the others. Metadata of a segment is not read.
 *
 * <p>Thread-safe. Lives as long as the reranker's model, which it does not close.
 */
public final class EspalierScoringModel implements ScoringModel {
  private final Reranker reranker;

  public EspalierScoringModel(Reranker reranker) {
    this.reranker = Objects.requireNonNull(reranker, "reranker");
  }

  /**
   * The scores of segments, in the order of the segments; higher is better.
   *
   * @throws dev.espalier.InvalidInputException if the query is null
   * @throws IllegalStateException if the model is closed
   */
  @Override
  public Response<List<Double>> scoreAll(List<TextSegment> segments, String query) {
    List<String> documents = segments.stream().map(TextSegment::text).toList();
    Double[] scores = new Double[documents.size()];
    for (Ranked ranked : reranker.rerank(query, documents)) {
      scores[ranked.document()] = ranked.score();
    }
    return Response.from(Arrays.asList(scores));
  }
}
