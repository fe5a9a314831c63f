package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.List;

/**
 * How a task's items are read and its answers written.
 *
 * @param <I> an item
 * @param <R> an answer
 */
interface ItemFormat<I, R> {
  /**
   * The item of an input line.
   *
   * @throws dev.espalier.InvalidInputException if it is none
   */
  I parse(String line);

  /** Writes the answer's fields into an object that is open. */
  void write(JsonGenerator json, I item, R answer) throws IOException;

  /** The table's columns after the item's index. */
  List<String> columns();

  /** The answer's rows in the table, each with a text for every column. */
  List<List<String>> rows(I item, R answer);
}
