package dev.espalier.tensor;

/**
 * The three embedding tables of BERT, held by one backend. Immutable; must not be closed while in
 * use.
 */
public interface Embeddings extends AutoCloseable {
  /** Rows of the word table. */
  int vocabSize();

  /** Rows of the position table: the longest sequence. */
  int maxPositions();

  /** Rows of the token type table. */
  int typeVocabSize();

  /** Columns of all three. */
  int columns();

  /** Bytes that they occupy. */
  long bytes();

  @Override
  void close();
}
