package dev.espalier.compress;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Entities in a sequence of labels, read as the CoNLL-2000 script conlleval reads them: an entity
 * begins at {@code B-}, and also at an {@code I-} that continues nothing of its kind.
 */
final class EntitySpans {
  /** Words {@code first} to {@code end}, exclusive. */
  record Span(String kind, int first, int end) {}

  private EntitySpans() {}

  static Set<Span> of(List<String> labels) {
    Set<Span> spans = new HashSet<>();
    int first = 0;
    String open = null;
    for (int i = 0; i <= labels.size(); i++) {
      String label = i < labels.size() ? labels.get(i) : "O";
      String kind = kind(label);
      boolean continues = kind != null && kind.equals(open) && !label.startsWith("B-");
      if (!continues) {
        if (open != null) {
          spans.add(new Span(open, first, i));
        }
        open = kind;
        first = i;
      }
    }
    return spans;
  }

  /** The kind of entity that a word belongs to; null for none. */
  private static String kind(String label) {
    return label.equals("O") ? null : label.substring(label.indexOf('-') + 1);
  }
}
