package dev.espalier.cli;

/** The overview that {@code espalier --help} prints; each command's own help is picocli's. */
final class Usage {
  /** Commands and what each does, in the order of a first acquaintance. */
  private static final String[][] COMMANDS = {
    {"demo", DemoCommand.SUMMARY},
    {"embed", EmbedCommand.SUMMARY},
    {"similarity", SimilarityCommand.SUMMARY},
    {"classify", ClassifyCommand.SUMMARY},
    {"ner", NerCommand.SUMMARY},
    {"qa", QaCommand.SUMMARY},
    {"fill-mask", FillMaskCommand.SUMMARY},
    {"rerank", RerankCommand.SUMMARY},
    {"tokenize", TokenizeCommand.SUMMARY},
    {"inspect", InspectCommand.SUMMARY},
    {"models", ModelsCommand.SUMMARY},
    {"prune", PruneCommand.SUMMARY},
    {"quantize", QuantizeCommand.SUMMARY},
    {"evaluate", EvaluateCommand.SUMMARY},
    {"parity", ParityCommand.SUMMARY},
    {"doctor", DoctorCommand.SUMMARY},
  };

  private Usage() {}

  static String overview() {
    StringBuilder s = new StringBuilder();
    s.append("Usage: espalier COMMAND [OPTIONS]\n");
    s.append("Runs BERT-family encoders, whole or pruned, on this machine.\n\nCommands:\n");
    for (String[] command : COMMANDS) {
      s.append("  ").append(command[0]);
      s.append(" ".repeat(12 - command[0].length())).append(command[1]).append('\n');
    }
    s.append("\nOptions:\n");
    s.append("  -h, --help     this page; 'espalier COMMAND --help' explains one command\n");
    s.append("  -V, --version  the version\n");
    s.append("      --debug    with any command: stack traces of errors\n");
    s.append("\nExamples:\n");
    s.append("  espalier demo\n");
    s.append("  espalier similarity --model all-minilm-l6-v2 \"a cat\" \"a kitten\"\n");
    s.append("  espalier embed --model all-minilm-l6-v2 --in texts.txt --out vectors.npy\n");
    s.append(
        "\n"
            + "Exit codes: 0 done, 1 ran but the answer is no, 2 wrong usage, 3 bad input or"
            + " output,\n");
    s.append("4 backend or device missing.\n");
    return s.toString();
  }

  /** A hint at the command that was probably meant, or nothing. */
  static String nearest(String typed) {
    String best = "";
    int least = 3;
    for (String[] command : COMMANDS) {
      int d = distance(typed, command[0]);
      if (d < least) {
        least = d;
        best = command[0];
      }
    }
    return best.isEmpty() ? "" : " (did you mean " + best + "?)";
  }

  /** Levenshtein's edit distance. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
