package dev.espalier.model;

import java.util.Arrays;
import java.util.Locale;

/** What a model was trained to do, by the class that {@code architectures} names. */
public enum Task {
  /** An encoder alone: {@code BertModel}, or a class that is not known here. */
  NONE("BertModel"),
  MASKED_LM("BertForMaskedLM"),
  NEXT_SENTENCE("BertForNextSentencePrediction"),
  /** Masked language model and next sentence, as BERT was trained. */
  PRE_TRAINING("BertForPreTraining"),
  SEQUENCE_CLASSIFICATION("BertForSequenceClassification"),
  TOKEN_CLASSIFICATION("BertForTokenClassification"),
  QUESTION_ANSWERING("BertForQuestionAnswering"),
  MULTIPLE_CHOICE("BertForMultipleChoice");

  private final String architecture;

  Task(String architecture) {
    this.architecture = architecture;
  }

  /** The class in {@code architectures}. */
  public String architecture() {
    return architecture;
  }

  /** For people: {@code sequence classification}. */
  public String label() {
    return this == MASKED_LM ? "masked LM" : name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  /** Whether tokens are predicted at {@code [MASK]}. */
  public boolean predictsTokens() {
    return this == MASKED_LM || this == PRE_TRAINING;
  }

  /** Whether it is answered from the pooler's output, one row a sequence. */
  public boolean needsPooler() {
    return switch (this) {
      case NEXT_SENTENCE, PRE_TRAINING, SEQUENCE_CLASSIFICATION, MULTIPLE_CHOICE -> true;
      default -> false;
    };
  }

  /** The task of a class; {@link #NONE} if it is not known here. */
  public static Task ofArchitecture(String architecture) {
    return Arrays.stream(values())
        .filter(t -> t.architecture.equals(architecture))
        .findFirst()
        .orElse(NONE);
  }
}
