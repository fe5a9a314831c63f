package dev.espalier.springai;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.ModelNotFoundException;
import dev.espalier.task.Model;
import dev.espalier.task.TextEmbedder;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.ai.document.Document;
import org.springframework.ai.embedding.EmbeddingOptions;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.embedding.EmbeddingResponse;
import org.springframework.ai.embedding.TokenCountBatchingStrategy;
import org.springframework.ai.vectorstore.SearchRequest;
import org.springframework.ai.vectorstore.SimpleVectorStore;

/** A real model in Spring AI's own in-memory store. */
class EspalierEmbeddingModelTest {
  private static final List<String> TEXTS =
      List.of(
          "A cat sits on the mat.",
          "The stock market fell sharply today.",
          "He plays the guitar every evening.",
          "");

  private static Model model;
  private static TextEmbedder embedder;
  private static EspalierEmbeddingModel adapter;

  @BeforeAll
  static void load() {
    try {
      model = Model.load("all-minilm-l6-v2");
    } catch (ModelNotFoundException e) {
      System.err.println("SKIPPED: " + e.getMessage());
      Assumptions.abort(e.getMessage());
    }
    embedder = new TextEmbedder(model);
    adapter = new EspalierEmbeddingModel(embedder);
  }

  @AfterAll
  static void close() {
    if (model != null) {
      model.close();
    }
  }

  @Test
  void everyFormGivesTheEmbeddersBits() {
    float[][] expected = embedder.embed(TEXTS);
    List<float[]> list = adapter.embed(TEXTS);
    EmbeddingResponse response = adapter.embedForResponse(TEXTS);
    for (int i = 0; i < expected.length; i++) {
      assertArrayEquals(expected[i], list.get(i), 0f);
      assertArrayEquals(expected[i], adapter.embed(TEXTS.get(i)), 0f);
      assertArrayEquals(expected[i], response.getResults().get(i).getOutput(), 0f);
      assertEquals(i, response.getResults().get(i).getIndex());
    }
    Document document = new Document(TEXTS.get(1), Map.of("source", "news"));
    assertArrayEquals(expected[1], adapter.embed(document), 0f);
    List<float[]> batched =
        adapter.embed(
            List.of(document),
            EmbeddingOptions.builder().build(),
            new TokenCountBatchingStrategy());
    assertArrayEquals(expected[1], batched.get(0), 0f);
    assertEquals(384, adapter.dimensions());
    assertEquals(List.of(), adapter.call(new EmbeddingRequest(List.of(), null)).getResults());
  }

  @Test
  void aStoreFindsWhatIsMeant() {
    SimpleVectorStore store = SimpleVectorStore.builder(adapter).build();
    store.add(TEXTS.subList(0, 3).stream().map(Document::new).toList());
    Map<String, Integer> queries =
        Map.of("a kitten on a rug", 0, "share prices dropped", 1, "making music at night", 2);
    queries.forEach(
        (query, expected) -> {
          List<Document> found =
              store.similaritySearch(SearchRequest.builder().query(query).topK(1).build());
          assertEquals(TEXTS.get(expected), found.get(0).getText());
        });
  }

  @Test
  void otherDimensionsAreRefused() {
    EmbeddingOptions options = EmbeddingOptions.builder().dimensions(128).build();
    InvalidInputException e =
        assertThrows(
            InvalidInputException.class, () -> adapter.call(new EmbeddingRequest(TEXTS, options)));
    assertTrue(e.getMessage().contains("128") && e.getMessage().contains("384"), e.getMessage());
    EmbeddingOptions same = EmbeddingOptions.builder().dimensions(384).model("any").build();
    assertEquals(4, adapter.call(new EmbeddingRequest(TEXTS, same)).getResults().size());
  }
}
