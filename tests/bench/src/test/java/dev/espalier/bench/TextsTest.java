package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TextsTest {
  private final List<String> sentences = Sentences.generated(2_000, 1);

  @Test
  void mixedTextsHaveTheLengthsThatArePromised() {
    List<String> texts = new Texts(1, Texts::countWordsAndMarks).mixed(sentences, sentences);
    assertEquals(Texts.COUNT, texts.size());
    int longest = 0;
    for (String text : texts) {
      int tokens = 2 + Stream.of(text.split(" ")).mapToInt(Texts::countWordsAndMarks).sum();
      assertTrue(tokens >= Texts.LEAST && tokens <= Texts.MOST, tokens + " tokens: " + text);
      longest = Math.max(longest, tokens);
    }
    assertTrue(longest > Texts.MOST - 20, "the longest of " + texts.size() + " has " + longest);
  }

  @Test
  void theSameSeedGivesTheSameTexts() {
    assertEquals(
        new Texts(7, Texts::countWordsAndMarks).mixed(sentences, sentences),
        new Texts(7, Texts::countWordsAndMarks).mixed(sentences, sentences));
    assertEquals(
        new Texts(7, Texts::countWordsAndMarks).whole(sentences),
        new Texts(7, Texts::countWordsAndMarks).whole(sentences));
  }

  @Test
  void wikiTextIsSpacedAsPeopleWrite() {
    assertEquals(
        "A two-part story (in 1,200 words) didn't end.",
        Sentences.written(" A two @-@ part <unk> story ( in 1 @,@ 200 words ) did n't end . "));
  }
}
