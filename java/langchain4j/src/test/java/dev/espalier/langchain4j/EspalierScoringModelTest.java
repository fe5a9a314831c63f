package dev.espalier.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.task.Model;
import dev.espalier.task.Ranked;
import dev.espalier.task.Reranker;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.rag.content.Content;
import dev.langchain4j.rag.content.aggregator.ReRankingContentAggregator;
import dev.langchain4j.rag.query.Query;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tiny regression with random weights behind LangChain4j's reranking of contents. */
class EspalierScoringModelTest {
  private static final Path WEIGHTS =
      Path.of(
          System.getProperty("espalier.root", "../.."),
          "tests/golden/models/005-sequenceclassification-h45x5-l3-gelu_fast-bf16-plain");

  private static final int VOCABULARY = 120;
  private static final String QUERY = "the cat ran";
  private static final List<String> DOCUMENTS = List.of("the cat", "a dog ran", "dog");

  private static Model model;
  private static Reranker reranker;
  private static EspalierScoringModel adapter;

  @BeforeAll
  static void load(@TempDir Path directory) throws IOException {
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(WEIGHTS.resolve(file), directory.resolve(file));
    }
    List<String> words =
        new ArrayList<>(
            List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "cat", "dog", "ran"));
    IntStream.range(words.size(), VOCABULARY).forEach(i -> words.add("[unused" + i + "]"));
    Files.write(directory.resolve("vocab.txt"), words);
    model = Model.load(directory.toString());
    reranker = new Reranker(model);
    adapter = new EspalierScoringModel(reranker);
  }

  @AfterAll
  static void close() {
    if (model != null) {
      model.close();
    }
  }

  private static List<TextSegment> segments() {
    return DOCUMENTS.stream().map(TextSegment::from).toList();
  }

  @Test
  void scoresAreTheRerankersInTheOrderOfTheSegments() {
    List<Double> scores = adapter.scoreAll(segments(), QUERY).content();
    assertEquals(3, scores.size());
    for (Ranked ranked : reranker.rerank(QUERY, DOCUMENTS)) {
      assertEquals(ranked.score(), scores.get(ranked.document()));
      double alone = adapter.score(DOCUMENTS.get(ranked.document()), QUERY).content();
      assertEquals(ranked.score(), alone);
    }
    assertTrue(scores.stream().distinct().count() == 3, scores::toString);
    assertEquals(List.of(), adapter.scoreAll(List.of(), QUERY).content());
    assertThrows(InvalidInputException.class, () -> adapter.scoreAll(segments(), null));
  }

  @Test
  void langChain4jPutsContentsInOurOrder() {
    ReRankingContentAggregator aggregator =
        ReRankingContentAggregator.builder().scoringModel(adapter).build();
    List<Content> contents = segments().stream().map(Content::from).toList();
    List<Content> best = aggregator.aggregate(Map.of(Query.from(QUERY), List.of(contents)));
    List<String> expected =
        reranker.rerank(QUERY, DOCUMENTS).stream().map(r -> DOCUMENTS.get(r.document())).toList();
    assertEquals(expected, best.stream().map(c -> c.textSegment().text()).toList());
  }
}
