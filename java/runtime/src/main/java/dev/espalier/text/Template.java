package dev.espalier.text;

import java.util.List;

/**
 * The order of texts and special tokens in an encoding.
 *
 * @param single pieces for one text
 * @param pair pieces for two
 */
record Template(List<Piece> single, List<Piece> pair) {
  /**
   * A text or special tokens.
   *
   * @param sequence 0 or 1 for the first or second text, -1 for special tokens
   * @param typeId token type of all its tokens
   * @param ids the special tokens; empty for a text
   */
  record Piece(int sequence, int typeId, int[] ids) {
    static Piece text(int sequence, int typeId) {
      return new Piece(sequence, typeId, new int[0]);
    }

    static Piece special(int typeId, int... ids) {
      return new Piece(-1, typeId, ids);
    }
  }

  /** BERT's {@code [CLS] A [SEP]} and {@code [CLS] A [SEP] B [SEP]}, the second half of type 1. */
  static Template bert(int cls, int sep) {
    return new Template(
        List.of(Piece.special(0, cls), Piece.text(0, 0), Piece.special(0, sep)),
        List.of(
            Piece.special(0, cls),
            Piece.text(0, 0),
            Piece.special(0, sep),
            Piece.text(1, 1),
            Piece.special(1, sep)));
  }

  /** The texts alone. */
  static Template bare() {
    return new Template(List.of(Piece.text(0, 0)), List.of(Piece.text(0, 0), Piece.text(1, 1)));
  }

  List<Piece> pieces(boolean hasPair) {
    return hasPair ? pair : single;
  }

  /** Special tokens it adds. */
  int added(boolean hasPair) {
    return pieces(hasPair).stream().mapToInt(p -> p.ids().length).sum();
  }
}
