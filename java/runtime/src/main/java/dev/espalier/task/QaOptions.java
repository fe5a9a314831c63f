package dev.espalier.task;

import dev.espalier.InvalidInputException;
import java.util.Optional;

/**
 * How answers are sought. Immutable: each {@code with} method gives a changed copy.
 *
 * @param topK answers at most; at least 1
 * @param maxLength tokens of a window, question and special tokens included; empty for 384 or what
 *     the model has positions for, if that is less
 * @param stride tokens of the context that consecutive windows share; empty for 128 or half a
 *     window
 * @param windows whether what does not fit the first window is looked at in further ones
 * @param maxAnswerLength tokens of an answer at most; at least 1
 * @param noAnswer whether "no answer" is among the answers
 * @param wholeWords whether answers are widened to whole words
 */
public record QaOptions(
    int topK,
    Optional<Integer> maxLength,
    Optional<Integer> stride,
    boolean windows,
    int maxAnswerLength,
    boolean noAnswer,
    boolean wholeWords) {
  /** The best answer of at most 15 tokens, in whole words, from overlapping windows. */
  public static final QaOptions DEFAULT =
      new QaOptions(1, Optional.empty(), Optional.empty(), true, 15, false, true);

  public QaOptions {
    if (topK < 1) {
      throw new InvalidInputException("top k must be at least 1, got " + topK);
    }
    if (maxAnswerLength < 1) {
      throw new InvalidInputException(
          "the maximum answer length must be at least 1, got " + maxAnswerLength);
    }
    if (stride.isPresent() && stride.get() < 0) {
      throw new InvalidInputException("the stride must not be negative, got " + stride.get());
    }
  }

  public QaOptions withTopK(int value) {
    return new QaOptions(value, maxLength, stride, windows, maxAnswerLength, noAnswer, wholeWords);
  }

  public QaOptions withMaxLength(int value) {
    return new QaOptions(
        topK, Optional.of(value), stride, windows, maxAnswerLength, noAnswer, wholeWords);
  }

  public QaOptions withStride(int value) {
    return new QaOptions(
        topK, maxLength, Optional.of(value), windows, maxAnswerLength, noAnswer, wholeWords);
  }

  public QaOptions withWindows(boolean value) {
    return new QaOptions(topK, maxLength, stride, value, maxAnswerLength, noAnswer, wholeWords);
  }

  public QaOptions withMaxAnswerLength(int value) {
    return new QaOptions(topK, maxLength, stride, windows, value, noAnswer, wholeWords);
  }

  public QaOptions withNoAnswer(boolean value) {
    return new QaOptions(topK, maxLength, stride, windows, maxAnswerLength, value, wholeWords);
  }

  public QaOptions withWholeWords(boolean value) {
    return new QaOptions(topK, maxLength, stride, windows, maxAnswerLength, noAnswer, value);
  }
}
