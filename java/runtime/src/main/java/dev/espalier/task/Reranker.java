package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.model.Task;
import dev.espalier.text.Encoding;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Puts documents in the order in which they answer a query, with a {@code
 * BertForSequenceClassification} that reads query and document at once (Nogueira and Cho 2019).
 *
 * <p>The score is the only output's (its sigmoid, or raw if the model is a regression), or the
 * probability of class 1 of two. Documents of equal score keep their order.
 */
public final class Reranker extends Pipeline<RerankRequest, List<Ranked>> {
  /** Scores as the model says. */
  public Reranker(Model model) {
    this(model, ClassifyOptions.DEFAULT);
  }

  /**
   * @throws UnsupportedModelException if the model is no sequence classifier, or has more than two
   *     classes
   * @throws dev.espalier.ModelFormatException if its head or its tokenizer is missing
   */
  public Reranker(Model model, ClassifyOptions options) {
    super(model, new RerankSteps(model, options));
  }

  /** As {@link #answer(Object)}: the best document first. */
  public List<Ranked> rerank(String query, List<String> documents) {
    return answer(new RerankRequest(query, documents));
  }

  private static final class RerankSteps implements Steps<RerankRequest, float[], List<Ranked>> {
    private final ClassifySteps pairs;

    RerankSteps(Model model, ClassifyOptions options) {
      this.pairs = new ClassifySteps(model, options, true);
      int classes = model.head(Task.SEQUENCE_CLASSIFICATION).classes();
      if (classes > 2) {
        throw new UnsupportedModelException(
            model.location()
                + ": has "
                + classes
                + " classes; documents are ranked by one output, or by the second of two");
      }
    }

    @Override
    public List<Encoding> encode(RerankRequest item) {
      Sequences.require(item.query(), "the query");
      if (item.documents() == null) {
        throw new InvalidInputException("the documents are null");
      }
      List<Encoding> sequences = new ArrayList<>(item.documents().size());
      for (String document : item.documents()) {
        Sequences.require(document, "document " + sequences.size());
        sequences.addAll(pairs.encode(new TextPair(item.query(), document)));
      }
      return sequences;
    }

    @Override
    public List<float[]> forward(List<Encoding> sequences) {
      return pairs.forward(sequences);
    }

    @Override
    public List<Ranked> decode(
        RerankRequest item, List<Encoding> sequences, List<float[]> outputs) {
      List<Ranked> ranking = new ArrayList<>(outputs.size());
      for (int d = 0; d < outputs.size(); d++) {
        List<LabelScore> scores =
            pairs.decode(null, sequences.subList(d, d + 1), outputs.subList(d, d + 1)).scores();
        ranking.add(new Ranked(d, scores.get(scores.size() - 1).score()));
      }
      ranking.sort(Comparator.comparingDouble(Ranked::score).reversed());
      return List.copyOf(ranking);
    }
  }
}
