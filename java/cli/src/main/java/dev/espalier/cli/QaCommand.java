package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.task.Answer;
import dev.espalier.task.QaOptions;
import dev.espalier.task.Question;
import dev.espalier.task.QuestionAnswerer;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Questions to answers in their contexts. */
@Command(
    description = QaCommand.SUMMARY,
    footer = {
      "",
      "Input lines: {\"question\", \"context\"}.",
      "Output lines: {\"index\", \"answer\", \"start\", \"end\", \"score\", \"answers\":"
          + " [{\"answer\", \"start\",",
      "\"end\", \"score\"}]}, the best answer first, offsets in Unicode code points, or"
          + " {\"index\", \"error\"}",
      "for a bad item; the run goes on and ends with 3. No answer is \"\" from 0 to 0. A long"
          + " context",
      "is read in overlapping windows; equal answers add up, so that a score may exceed 1.",
      "",
      "Examples:",
      "  espalier qa --model ./answers --question \"Who was there?\" --context \"Ada was there.\"",
      "  espalier qa --model ./answers --in questions.jsonl --top-k 3 --no-answer"
    })
final class QaCommand implements Callable<Integer> {
  static final String SUMMARY = "Finds the answer to a question in a text.";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Option(names = "--question", paramLabel = "Q", description = "A question.")
  private String question;

  @Option(names = "--context", paramLabel = "C", description = "The text with its answer.")
  private String context;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Answers to give of each item, at most (default: 1).")
  private int topK = 1;

  @Option(
      names = "--max-seq-len",
      paramLabel = "N",
      description = "Tokens of a window, with the question (default: 384, or what the model has).")
  private Integer maxSeqLen;

  @Option(
      names = "--doc-stride",
      paramLabel = "N",
      description =
          "Tokens of the context that two windows share (default: 128, or half a window).")
  private Integer docStride;

  @Option(
      names = "--max-answer-len",
      paramLabel = "N",
      description = "Tokens of an answer, at most (default: 15).")
  private int maxAnswerLen = 15;

  @Option(names = "--no-answer", description = "\"No answer\" is one of the answers.")
  private boolean noAnswer;

  @Mixin private TaskArgs task;

  QaCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    task.requireLength("--max-seq-len", maxSeqLen);
    task.require((question == null) == (context == null), "--question and --context go together");
    task.require(topK >= 1, "--top-k must be at least 1, got " + topK);
    task.require(maxAnswerLen >= 1, "--max-answer-len must be at least 1, got " + maxAnswerLen);
    task.require(
        docStride == null || docStride >= 0, "--doc-stride must not be negative, got " + docStride);
    QaOptions options =
        QaOptions.DEFAULT.withTopK(topK).withMaxAnswerLength(maxAnswerLen).withNoAnswer(noAnswer);
    if (maxSeqLen != null) {
      options = options.withMaxLength(maxSeqLen);
    }
    if (docStride != null) {
      options = options.withStride(docStride);
    }
    List<Question> listed = question == null ? null : List.of(new Question(question, context));
    QaOptions chosen = options;
    return task.run(
        console,
        listed,
        "--question and --context",
        m -> new QuestionAnswerer(m, chosen),
        new Format());
  }

  private static final class Format implements ItemFormat<Question, List<Answer>> {
    @Override
    public Question parse(String line) {
      ItemJson json = ItemJson.parse(line);
      return new Question(json.string("question"), json.string("context"));
    }

    @Override
    public void write(JsonGenerator json, Question item, List<Answer> answers) throws IOException {
      fields(json, item, answers.get(0));
      json.writeArrayFieldStart("answers");
      for (Answer a : answers) {
        json.writeStartObject();
        fields(json, item, a);
        json.writeEndObject();
      }
      json.writeEndArray();
    }

    private static void fields(JsonGenerator json, Question item, Answer a) throws IOException {
      Json.writeText(json, "answer", a.text());
      json.writeNumberField("start", item.context().codePointCount(0, a.start()));
      json.writeNumberField("end", item.context().codePointCount(0, a.end()));
      json.writeNumberField("score", a.score());
    }

    @Override
    public List<String> columns() {
      return List.of("score", "answer", "question");
    }

    @Override
    public List<List<String>> rows(Question item, List<Answer> answers) {
      return answers.stream()
          .map(
              a ->
                  List.of(
                      ItemOutput.score(a.score()),
                      a.text().isEmpty() ? "(no answer)" : a.text(),
                      item.question()))
          .toList();
    }
  }
}
