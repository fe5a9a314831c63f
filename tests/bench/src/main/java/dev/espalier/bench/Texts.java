package dev.espalier.bench;

import dev.espalier.text.Normalization;
import dev.espalier.text.WordPieceTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.ToIntFunction;

/**
 * Makes the texts that are measured, the same ones every time: {@code mixed.txt}, 600 English texts
 * of 5 to 250 tokens whose logarithms are evenly spread (many short ones, few long ones), and
 * {@code short.txt}, 600 sentences of 5 to 40, and {@code qa.txt}, 600 questions with their
 * contexts.
 */
public final class Texts {
  static final int COUNT = 600;
  static final int LEAST = 5;
  static final int MOST = 250;
  static final int MOST_SHORT = 40;

  /**
   * Below this length half of the mixed texts are film reviews, the others are from encyclopedia
   * articles.
   */
  private static final int REVIEW_LENGTH = 30;

  private final Random random;
  private final ToIntFunction<String> tokens;

  /**
   * @param tokens of one word; words are independent of each other in BERT's tokenizer
   */
  Texts(long seed, ToIntFunction<String> tokens) {
    this.random = new Random(seed);
    this.tokens = tokens;
  }

  /**
   * See the class.
   *
   * @param args the folder to write to, and the folder with sst2-sentences/, wikitext-2/ and vocab/
   */
  public static void main(String[] args) throws IOException {
    Path out = Path.of(args[0]);
    Path data = Path.of(args[1]);
    Path reviews = data.resolve("sst2-sentences/train.tsv");
    Path articles = data.resolve("wikitext-2/valid.txt");
    Path vocab = data.resolve("vocab/bert-base-uncased-vocab.txt");
    Files.createDirectories(out);
    List<String> sentences;
    List<String> paragraphs;
    ToIntFunction<String> tokens;
    if (Files.exists(reviews) && Files.exists(articles) && Files.exists(vocab)) {
      sentences = Sentences.reviews(reviews);
      paragraphs = Sentences.paragraphs(articles);
      tokens = wordPieces(vocab);
      System.err.println("texts: from SST-2 and WikiText-2");
    } else {
      sentences = Sentences.generated(5_000, 2);
      paragraphs = sentences;
      tokens = Texts::countWordsAndMarks;
      System.err.println("texts: SST-2 and WikiText-2 are not there; from a grammar of our own");
    }
    write(out.resolve("mixed.txt"), new Texts(1, tokens).mixed(sentences, paragraphs));
    write(out.resolve("short.txt"), new Texts(1, tokens).whole(sentences));
    Path questions = data.resolve("xquad-en/xquad.en.json");
    if (Files.exists(questions)) {
      write(out.resolve("qa.txt"), new Texts(1, tokens).questions(Sentences.questions(questions)));
    } else {
      System.err.println("texts: XQuAD is not there; no qa.txt");
    }
  }

  private static ToIntFunction<String> wordPieces(Path vocab) throws IOException {
    WordPieceTokenizer tokenizer =
        WordPieceTokenizer.fromVocab(
            Files.readAllBytes(vocab), Normalization.UNCASED, vocab.toString());
    Map<String, Integer> known = new HashMap<>();
    return word -> known.computeIfAbsent(word, w -> tokenizer.encode(w).ids().length - 2);
  }

  /** What common words give: one token a word, one a punctuation mark. */
  static int countWordsAndMarks(String word) {
    return (int) (1 + word.chars().filter(c -> !Character.isLetterOrDigit(c)).count());
  }

  /** Texts of all lengths, each the beginning of a passage. */
  List<String> mixed(List<String> sentences, List<String> paragraphs) {
    List<String> texts = new ArrayList<>();
    double low = Math.log(LEAST);
    double high = Math.log(MOST + 1);
    while (texts.size() < COUNT) {
      int length = (int) Math.exp(low + random.nextDouble() * (high - low));
      boolean review = length < REVIEW_LENGTH && random.nextBoolean();
      String text = passage(review ? sentences : paragraphs, Math.min(length, MOST));
      if (text != null) {
        texts.add(text);
      }
    }
    return texts;
  }

  /** Whole sentences of {@link #LEAST} to {@link #MOST_SHORT} tokens. */
  List<String> whole(List<String> sentences) {
    List<String> texts = new ArrayList<>();
    while (texts.size() < COUNT) {
      String text = sentences.get(random.nextInt(sentences.size()));
      int count = 2;
      for (String word : text.split(" ")) {
        count += tokens.applyAsInt(word);
      }
      if (count >= LEAST && count <= MOST_SHORT) {
        texts.add(text);
      }
    }
    return texts;
  }

  /** Questions with their contexts, drawn from all. */
  List<String> questions(List<String> all) {
    List<String> drawn = new ArrayList<>(all);
    Collections.shuffle(drawn, random);
    return drawn.subList(0, Math.min(COUNT, drawn.size()));
  }

  /**
   * As many words as give at most {@code length} tokens, from the beginning of one unit on; null if
   * too few.
   */
  private String passage(List<String> units, int length) {
    int count = 2;
    StringBuilder text = new StringBuilder();
    int unit = random.nextInt(units.size());
    while (true) {
      for (String word : units.get(unit % units.size()).split(" ")) {
        int more = tokens.applyAsInt(word);
        if (count + more > length) {
          return count < LEAST ? null : text.toString();
        }
        count += more;
        text.append(text.isEmpty() ? "" : " ").append(word);
      }
      unit++;
    }
  }

  private static void write(Path file, List<String> lines) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Files.writeString(part, String.join("\n", lines) + "\n", StandardCharsets.UTF_8);
    Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
    System.out.println(file + ": " + lines.size() + " texts");
  }
}
