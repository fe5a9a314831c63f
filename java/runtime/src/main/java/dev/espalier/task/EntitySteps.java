package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import dev.espalier.text.WordPieceTokenizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * A text to its entities, as transformers' TokenClassificationPipeline aggregates them: tokens,
 * then words where asked for, then groups of neighbours of one kind.
 */
final class EntitySteps implements Steps<String, float[], List<Entity>> {
  private final Model model;
  private final WordPieceTokenizer tokenizer;
  private final Aggregation aggregation;
  private final TokenLogits logits;

  /** How longer texts are read in windows; empty if they are cut. */
  private final Optional<Truncation> windows;

  EntitySteps(Model model, TokenOptions options, TokenLogits logits) {
    this.model = model;
    this.tokenizer = model.tokenizer();
    this.aggregation = options.aggregation();
    this.logits = logits;
    this.windows = options.stride().map(logits::windows);
    if (windows.isPresent() && aggregation == Aggregation.NONE) {
      throw new InvalidInputException(
          "a stride needs an aggregation: tokens of windows that overlap cannot be put together");
    }
  }

  /**
   * A token, or the tokens of a word, with its label.
   *
   * @param label whole: {@code B-person}
   */
  private record Part(String label, double score, int start, int end) {
    boolean begins() {
      return label.startsWith("B-");
    }

    String kind() {
      return label.startsWith("B-") || label.startsWith("I-") ? label.substring(2) : label;
    }
  }

  /** A token before its label is chosen. */
  private record Token(double[] scores, int start, int end, boolean continues) {}

  @Override
  public List<Encoding> encode(String item) {
    return windows.map(w -> logits.encode(item, w)).orElseGet(() -> List.of(logits.encode(item)));
  }

  @Override
  public List<float[]> forward(List<Encoding> sequences) {
    return logits.forward(sequences);
  }

  @Override
  public List<Entity> decode(String item, List<Encoding> sequences, List<float[]> outputs) {
    List<Entity> entities = new ArrayList<>();
    for (int w = 0; w < sequences.size(); w++) {
      entities.addAll(entities(item, tokens(item, sequences.get(w), outputs.get(w))));
    }
    return sequences.size() == 1 ? List.copyOf(entities) : withoutOverlaps(entities);
  }

  /**
   * As transformers puts windows together: of entities that overlap the longest stays, of equally
   * long ones the more probable.
   */
  private static List<Entity> withoutOverlaps(List<Entity> found) {
    List<Entity> entities = new ArrayList<>();
    List<Entity> sorted = found.stream().sorted(Comparator.comparingInt(Entity::start)).toList();
    for (Entity entity : sorted) {
      Entity last = entities.isEmpty() ? null : entities.get(entities.size() - 1);
      if (last == null || entity.start() >= last.end()) {
        entities.add(entity);
      } else if (length(entity) > length(last)
          || length(entity) == length(last) && entity.score() > last.score()) {
        entities.set(entities.size() - 1, entity);
      }
    }
    return List.copyOf(entities);
  }

  private static int length(Entity entity) {
    return entity.end() - entity.start();
  }

  private List<Entity> entities(String item, List<Token> tokens) {
    boolean byWord = aggregation != Aggregation.NONE && aggregation != Aggregation.SIMPLE;
    List<Part> parts = byWord ? words(tokens) : tokens.stream().map(this::part).toList();
    List<Entity> entities = new ArrayList<>();
    for (List<Part> group : aggregation == Aggregation.NONE ? singles(parts) : groups(parts)) {
      Part first = group.get(0);
      String label = aggregation == Aggregation.NONE ? first.label() : afterDash(first.label());
      if (!label.equals(WordLabels.OUTSIDE)) {
        int end = group.get(group.size() - 1).end();
        double score = group.stream().mapToDouble(Part::score).average().orElseThrow();
        entities.add(
            new Entity(label, first.start(), end, item.substring(first.start(), end), score));
      }
    }
    return entities;
  }

  private List<Token> tokens(String text, Encoding encoding, float[] output) {
    List<Token> tokens = new ArrayList<>(encoding.size());
    for (int i = 0; i < encoding.size(); i++) {
      if (!encoding.isSpecial(i)) {
        double[] scores = logits.probabilities(output, i);
        int start = encoding.start(i);
        int end = encoding.end(i);
        tokens.add(new Token(scores, start, end, continuesWord(text, encoding.id(i), start, end)));
      }
    }
    return tokens;
  }

  /**
   * Whether a token is the inside of a word. As transformers tells it: by the {@code ##}, which
   * makes a token longer than what it stands for; an unknown word never is.
   */
  private boolean continuesWord(String text, int id, int start, int end) {
    String token = tokenizer.token(id);
    return id != tokenizer.unkId()
        && token.codePointCount(0, token.length()) != text.codePointCount(start, end);
  }

  private Part part(Token token) {
    return part(token.scores(), token.start(), token.end());
  }

  private Part part(double[] scores, int start, int end) {
    int best = ScoreFunction.best(scores);
    return new Part(model.config().label(best), scores[best], start, end);
  }

  private List<Part> words(List<Token> tokens) {
    List<Part> words = new ArrayList<>();
    for (int first = 0, next; first < tokens.size(); first = next) {
      next = first + 1;
      while (next < tokens.size() && tokens.get(next).continues()) {
        next++;
      }
      List<Token> word = tokens.subList(first, next);
      words.add(part(scores(word), word.get(0).start(), word.get(word.size() - 1).end()));
    }
    return words;
  }

  private double[] scores(List<Token> word) {
    double[] scores = word.get(0).scores().clone();
    if (aggregation == Aggregation.MAX) {
      for (Token token : word) {
        double best = token.scores()[ScoreFunction.best(token.scores())];
        if (best > scores[ScoreFunction.best(scores)]) {
          scores = token.scores();
        }
      }
    } else if (aggregation == Aggregation.AVERAGE) {
      for (int c = 0; c < scores.length; c++) {
        int at = c;
        scores[c] = word.stream().mapToDouble(t -> t.scores()[at]).average().orElseThrow();
      }
    }
    return scores;
  }

  private static List<List<Part>> singles(List<Part> parts) {
    return parts.stream().map(List::of).toList();
  }

  /** Neighbours of one kind, unless the later one begins anew. */
  private static List<List<Part>> groups(List<Part> parts) {
    List<List<Part>> groups = new ArrayList<>();
    for (int first = 0, next; first < parts.size(); first = next) {
      next = first + 1;
      while (next < parts.size()
          && !parts.get(next).begins()
          && parts.get(next).kind().equals(parts.get(next - 1).kind())) {
        next++;
      }
      groups.add(parts.subList(first, next));
    }
    return groups;
  }

  private static String afterDash(String label) {
    return label.substring(label.indexOf('-') + 1);
  }
}
