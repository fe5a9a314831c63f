package dev.espalier.cli;

import java.util.List;

/** What the demo embeds. */
final class DemoTexts {
  /**
   * A sentence of the demo.
   *
   * @param label a few words for the table
   */
  record Sentence(String label, String text) {}

  /** A dozen sentences in pairs of like meaning; few of the pairs share a word of content. */
  static final List<Sentence> SENTENCES =
      List.of(
          new Sentence("lovely weather", "The weather is lovely today."),
          new Sentence("sunny outside", "It's so sunny outside!"),
          new Sentence("to the stadium", "He drove to the stadium."),
          new Sentence("late winner", "A goal in the last minute won them the cup."),
          new Sentence("Apollo 11", "Apollo 11 carried the first people to the Moon."),
          new Sentence("1969", "In 1969 two astronauts stepped onto the lunar surface."),
          new Sentence("reset password", "How do I reset my password?"),
          new Sentence("locked out", "I can no longer log in to my account."),
          new Sentence("sourdough", "Sourdough needs flour, water, salt and patience."),
          new Sentence("bake a loaf", "Let the dough rise overnight before you bake the bread."),
          new Sentence("Reader, I ...", "Reader, I married him."),
          new Sentence(
              "in want of a wife", "A single man of good fortune must be in want of a wife."));

  /**
   * Two texts and the cosine that somebody else published.
   *
   * @param a the one text
   * @param b the other
   * @param cosine with the digits that were published
   */
  record Published(String a, String b, double cosine) {}

  /**
   * From the documentation of sentence-transformers for all-MiniLM-L6-v2, quickstart and semantic
   * textual similarity.
   */
  static final List<Published> PUBLISHED =
      List.of(
          new Published("The weather is lovely today.", "It's so sunny outside!", 0.6660),
          new Published("The weather is lovely today.", "He drove to the stadium.", 0.1046),
          new Published("It's so sunny outside!", "He drove to the stadium.", 0.1411),
          new Published("The new movie is awesome", "The new movie is so great", 0.8939),
          new Published("The cat sits outside", "The dog plays in the garden", 0.2838),
          new Published("A man is playing guitar", "A woman watches TV", -0.0327));

  /** Half a unit of the last published digit, and what fp32 may differ. */
  static final double TOLERANCE = 1e-4;

  private DemoTexts() {}
}
