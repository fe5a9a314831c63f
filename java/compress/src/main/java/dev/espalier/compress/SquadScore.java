package dev.espalier.compress;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * SQuAD's comparison of answers (Rajpurkar et al. 2016, section 6.1): lower case, without
 * punctuation and articles, the best over the given answers.
 */
final class SquadScore {
  private static final String PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

  private SquadScore() {}

  /** 1 if the answer is one of those given, else 0. */
  static double exact(String answer, List<String> given) {
    return best(given, g -> normalized(g).equals(normalized(answer)) ? 1 : 0);
  }

  /** The harmonic mean of precision and recall of words. */
  static double f1(String answer, List<String> given) {
    return best(given, g -> f1(words(answer), words(g)));
  }

  private static double best(List<String> given, ToDoubleFunction<String> score) {
    return given.stream().mapToDouble(score).max().orElse(0);
  }

  private static double f1(List<String> answer, List<String> given) {
    Map<String, Integer> left = new HashMap<>();
    given.forEach(w -> left.merge(w, 1, Integer::sum));
    int common = 0;
    for (String word : answer) {
      if (left.merge(word, -1, Integer::sum) >= 0) {
        common++;
      }
    }
    if (common == 0) {
      return 0;
    }
    return 2.0 * common / (answer.size() + given.size());
  }

  private static List<String> words(String text) {
    String normalized = normalized(text);
    return normalized.isEmpty() ? List.of() : Arrays.asList(normalized.split(" "));
  }

  private static String normalized(String text) {
    StringBuilder s = new StringBuilder();
    text.toLowerCase(Locale.ROOT)
        .chars()
        .filter(c -> PUNCTUATION.indexOf(c) < 0)
        .forEach(c -> s.append((char) c));
    return s.toString().replaceAll("(?U)\\b(a|an|the)\\b", " ").replaceAll("(?U)\\s+", " ").strip();
  }
}
