package dev.espalier.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** The command line's arguments as they were typed. */
final class Arguments {
  private Arguments() {}

  /**
   * The arguments in UTF-8. In a locale that is not UTF-8 (a container without LANG) Java has
   * replaced what it could not decode by then; Linux still has the bytes.
   */
  static String[] decoded(String[] args) {
    boolean plain = Arrays.stream(args).allMatch(a -> a.chars().allMatch(c -> c < 128));
    String charset = System.getProperty("sun.jnu.encoding", "");
    if (plain || charset.equalsIgnoreCase("UTF-8")) {
      return args;
    }
    try {
      byte[] bytes = Files.readAllBytes(Path.of("/proc/self/cmdline"));
      String[] all = new String(bytes, StandardCharsets.UTF_8).split("\0", -1);
      // The last argument ends in a zero as well, so that an empty piece follows it.
      int end = all.length - 1;
      return end >= args.length ? Arrays.copyOfRange(all, end - args.length, end) : args;
    } catch (IOException e) {
      return args;
    }
  }
}
