package dev.espalier.langchain4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.espalier.ModelNotFoundException;
import dev.espalier.task.Model;
import dev.espalier.task.TextEmbedder;
import dev.langchain4j.data.document.Metadata;
import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.rag.content.Content;
import dev.langchain4j.rag.content.retriever.EmbeddingStoreContentRetriever;
import dev.langchain4j.rag.query.Query;
import dev.langchain4j.store.embedding.EmbeddingSearchRequest;
import dev.langchain4j.store.embedding.inmemory.InMemoryEmbeddingStore;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A real model in LangChain4j's own in-memory store and retriever. */
class EspalierEmbeddingModelTest {
  private static final List<String> TEXTS =
      List.of(
          "A cat sits on the mat.",
          "The stock market fell sharply today.",
          "He plays the guitar every evening.");

  private static final Map<String, Integer> QUERIES =
      Map.of("a kitten on a rug", 0, "share prices dropped", 1, "making music at night", 2);

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

  private static List<TextSegment> segments() {
    return TEXTS.stream().map(t -> TextSegment.from(t, Metadata.from("source", "test"))).toList();
  }

  @Test
  void everyFormGivesTheEmbeddersBits() {
    float[][] expected = embedder.embed(TEXTS);
    List<Embedding> all = adapter.embedAll(segments()).content();
    for (int i = 0; i < expected.length; i++) {
      assertArrayEquals(expected[i], all.get(i).vector(), 0f);
      assertArrayEquals(expected[i], adapter.embed(TEXTS.get(i)).content().vector(), 0f);
      assertArrayEquals(expected[i], adapter.embed(segments().get(i)).content().vector(), 0f);
    }
    assertEquals(384, adapter.dimension());
    assertEquals(List.of(), adapter.embedAll(List.of()).content());
  }

  @Test
  void requestsAreAnsweredLikeCalls() {
    EmbeddingRequest request = EmbeddingRequest.builder().textSegments(segments()).build();
    List<Embedding> all = adapter.embed(request).embeddings();
    assertArrayEquals(embedder.embed(TEXTS.get(2)), all.get(2).vector(), 0f);
  }

  @Test
  void aStoreAndARetrieverFindWhatIsMeant() {
    InMemoryEmbeddingStore<TextSegment> store = new InMemoryEmbeddingStore<>();
    store.addAll(adapter.embedAll(segments()).content(), segments());
    EmbeddingStoreContentRetriever retriever =
        EmbeddingStoreContentRetriever.builder()
            .embeddingModel(adapter)
            .embeddingStore(store)
            .maxResults(1)
            .build();
    QUERIES.forEach(
        (query, expected) -> {
          EmbeddingSearchRequest request =
              EmbeddingSearchRequest.builder()
                  .queryEmbedding(adapter.embed(query).content())
                  .maxResults(1)
                  .build();
          TextSegment found = store.search(request).matches().get(0).embedded();
          assertEquals(TEXTS.get(expected), found.text());
          Content content = retriever.retrieve(Query.from(query)).get(0);
          assertEquals(TEXTS.get(expected), content.textSegment().text());
        });
  }
}
