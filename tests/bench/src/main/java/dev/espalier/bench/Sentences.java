package dev.espalier.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * English sentences and paragraphs: from data sets, with their tokenization undone, or from a small
 * grammar.
 */
final class Sentences {
  private static final String[] DETERMINERS = {
    "the", "a", "every", "this", "another", "our", "her"
  };
  private static final String[] ADJECTIVES = {
    "old", "quiet", "green", "large", "cold", "early", "strange", "simple", "heavy", "bright"
  };
  private static final String[] NOUNS = {
    "garden", "wall", "tree", "river", "teacher", "machine", "letter", "market", "winter", "child",
    "house", "road", "song", "window", "story", "train", "doctor", "field", "night", "question"
  };
  private static final String[] VERBS = {
    "found",
    "carried",
    "opened",
    "followed",
    "remembered",
    "built",
    "crossed",
    "lost",
    "painted",
    "watched",
    "changed",
    "needed"
  };
  private static final String[] PLACES = {
    "near the station",
    "in the morning",
    "after the war",
    "behind the church",
    "for many years",
    "without a word",
    "on the other side",
    "before the rain"
  };
  private static final String[] LINKS = {"and", "but", "because", "while", "until"};

  private Sentences() {}

  /** Questions of a file in SQuAD's format, each with a tab and its context behind it. */
  static List<String> questions(Path file) throws IOException {
    List<String> questions = new ArrayList<>();
    for (JsonNode article : new ObjectMapper().readTree(file.toFile()).path("data")) {
      for (JsonNode paragraph : article.path("paragraphs")) {
        String context = oneLine(paragraph.path("context").asText());
        for (JsonNode entry : paragraph.path("qas")) {
          questions.add(oneLine(entry.path("question").asText()) + "\t" + context);
        }
      }
    }
    return questions;
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\s+", " ").strip();
  }

  /** The sentences of an SST-2 file: text, tab, label. */
  static List<String> reviews(Path tsv) throws IOException {
    List<String> sentences = new ArrayList<>();
    for (String line : Files.readAllLines(tsv, StandardCharsets.UTF_8)) {
      int tab = line.indexOf('\t');
      String text = line.substring(0, tab < 0 ? line.length() : tab).strip();
      if (!text.isEmpty()) {
        sentences.add(text);
      }
    }
    return sentences;
  }

  /** The paragraphs of a WikiText file without headings, spaced as people write. */
  static List<String> paragraphs(Path file) throws IOException {
    List<String> paragraphs = new ArrayList<>();
    for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
      String text = line.strip();
      if (!text.isEmpty() && !text.startsWith("=")) {
        paragraphs.add(written(text));
      }
    }
    return paragraphs;
  }

  /** Undoes WikiText's spacing; its unknown words are left out. */
  static String written(String text) {
    return text.replace(" @-@ ", "-")
        .replace(" @,@ ", ",")
        .replace(" @.@ ", ".")
        .replace("<unk>", "")
        .replaceAll(" +", " ")
        .replaceAll(" ([.,;:!?)\\]]|'s\\b|n't\\b)", "$1")
        .replaceAll("([(\\[]) ", "$1")
        .strip();
  }

  /** Sentences of a grammar of our own. */
  static List<String> generated(int count, long seed) {
    Random random = new Random(seed);
    List<String> sentences = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder s = new StringBuilder(clause(random));
      for (int more = random.nextInt(3); more > 0; more--) {
        s.append(", ").append(pick(random, LINKS)).append(' ').append(clause(random));
      }
      s.setCharAt(0, Character.toUpperCase(s.charAt(0)));
      sentences.add(s.append('.').toString());
    }
    return sentences;
  }

  private static String clause(Random random) {
    String clause = noun(random) + " " + pick(random, VERBS) + " " + noun(random);
    return random.nextInt(3) == 0 ? clause + " " + pick(random, PLACES) : clause;
  }

  private static String noun(Random random) {
    String adjective = random.nextBoolean() ? pick(random, ADJECTIVES) + " " : "";
    return pick(random, DETERMINERS) + " " + adjective + pick(random, NOUNS);
  }

  private static String pick(Random random, String[] words) {
    return words[random.nextInt(words.length)];
  }
}
