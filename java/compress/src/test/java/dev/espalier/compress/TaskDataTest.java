package dev.espalier.compress;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.EntitySpans.Span;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The labelled data of tasks, and how answers are compared with it. */
class TaskDataTest {
  @TempDir Path directory;

  private Path file(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }

  private static String problem(org.junit.jupiter.api.function.Executable body) {
    return assertThrows(InvalidInputException.class, body).getMessage();
  }

  @Test
  void textsAreInColumnsByNameOrByPlace() throws IOException {
    List<LabelledText> expected =
        List.of(new LabelledText("a \"b", "1"), new LabelledText("c", "no"));
    assertEquals(expected, LabelledText.read(file("a.tsv", "sentence\tlabel\na \"b \t1\nc\tno\n")));
    assertEquals(
        expected, LabelledText.read(file("b.tsv", "label\tid\tsentence\n1\t0\ta \"b\nno\t1\tc\n")));
    assertEquals(expected, LabelledText.read(file("c.tsv", "a \"b\t1\nc\tno\n")));
    Path short1 = file("d.tsv", "sentence\tlabel\na\t1\nb\n");
    assertTrue(problem(() -> LabelledText.read(short1)).contains("line 3: 1 columns"));
    Path empty = file("e.tsv", "");
    assertTrue(problem(() -> LabelledText.read(empty)).contains("is empty"));
  }

  @Test
  void wordsAreInSentences() throws IOException {
    List<LabelledWords> expected =
        List.of(
            new LabelledWords(List.of("A", "b"), List.of("B-x", "O")),
            new LabelledWords(List.of("c"), List.of("O")));
    assertEquals(expected, LabelledWords.read(file("a", "A\tB-x\nb\tO\n\n\nc\tO\n")));
    assertEquals(
        expected, LabelledWords.read(file("b", "-DOCSTART- X O\n\nA N B-x\nb N O\n \nc N O")));
    Path bad = file("c", "a O\nb\n");
    assertTrue(problem(() -> LabelledWords.read(bad)).contains("line 2"));
    Path empty = file("d", "\n");
    assertTrue(problem(() -> LabelledWords.read(empty)).contains("no sentences"));
  }

  @Test
  void questionsAreInArticles() throws IOException {
    String question = "{\"question\":\"q\",\"answers\":[{\"text\":\"x\"},{\"text\":\"y\"}]}";
    String paragraph = "{\"context\":\"c\",\"qas\":[" + question + "]}";
    List<AskedQuestion> all =
        AskedQuestion.read(
            file(
                "a.json", "{\"data\":[{\"paragraphs\":[]},{\"paragraphs\":[" + paragraph + "]}]}"));
    assertEquals(List.of(new AskedQuestion(2, "q", "c", List.of("x", "y"), List.of(-1, -1))), all);
    for (String bad :
        List.of("", "[]", "{\"data\":7}", "{\"data\":[]}", "{\"data\":[{\"paragraphs\":[{}]}]}")) {
      Path wrong = file("b.json", bad);
      assertTrue(problem(() -> AskedQuestion.read(wrong)).contains("b.json"));
    }
  }

  /** As conlleval: an I- that continues nothing of its kind begins an entity. */
  @Test
  void spansAreReadLeniently() {
    assertEquals(
        Set.of(new Span("x", 0, 2), new Span("x", 2, 3), new Span("y", 3, 4), new Span("x", 5, 6)),
        EntitySpans.of(List.of("B-x", "I-x", "B-x", "I-y", "O", "I-x")));
    assertEquals(Set.of(), EntitySpans.of(List.of("O", "O")));
    assertEquals(Set.of(new Span("a-b", 1, 3)), EntitySpans.of(List.of("O", "I-a-b", "I-a-b")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "The Cat!      | cat            | 1 | 1",
        "a cat's tail  | cats  tail     | 1 | 1",
        "the big cat   | cat            | 0 | 0.6666666666666666",
        "cat cat       | cat            | 0 | 0.6666666666666666",
        "dog           | cat            | 0 | 0",
        "then          | the n          | 0 | 0",
      })
  void answersAreComparedAsSquadDoes(String answer, String given, double exact, double f1) {
    assertEquals(exact, SquadScore.exact(answer, List.of("zebra", given)));
    assertEquals(f1, SquadScore.f1(answer, List.of("zebra", given)), 1e-12);
  }
}
