package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A sentence in words, each with its label ({@code O}, {@code B-person}, ...).
 *
 * @param labels as many as words
 */
public record LabelledWords(List<String> words, List<String> labels) {
  private static final String DOCUMENT_START = "-DOCSTART-";

  /**
   * Reads a file in CoNLL's form: a word a line, its label in the last column, an empty line after
   * each sentence; columns are separated by tabs or blanks.
   *
   * @throws InvalidInputException naming file and line of what is wrong
   */
  public static List<LabelledWords> read(Path file) {
    List<LabelledWords> sentences = new ArrayList<>();
    List<String> words = new ArrayList<>();
    List<String> labels = new ArrayList<>();
    int number = 0;
    for (String line : Table.lines(file)) {
      number++;
      if (line.isBlank()) {
        take(sentences, words, labels);
        continue;
      }
      String[] columns = line.strip().split(line.indexOf('\t') >= 0 ? "\t" : " +");
      if (columns.length < 2) {
        throw new InvalidInputException(
            file
                + ", line "
                + number
                + ": \""
                + line
                + "\" has one column, expected word and label");
      }
      if (!columns[0].equals(DOCUMENT_START)) {
        words.add(columns[0]);
        labels.add(columns[columns.length - 1].strip());
      }
    }
    take(sentences, words, labels);
    if (sentences.isEmpty()) {
      throw new InvalidInputException(file + ": has no sentences");
    }
    return sentences;
  }

  private static void take(List<LabelledWords> sentences, List<String> words, List<String> labels) {
    if (!words.isEmpty()) {
      sentences.add(new LabelledWords(List.copyOf(words), List.copyOf(labels)));
      words.clear();
      labels.clear();
    }
  }
}
