package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script {@code espalier}, copied to where everything is built, with a shell script for Java.
 */
@EnabledOnOs(OS.LINUX)
@Timeout(60)
class LauncherTest {
  private static final String NAME = "espalier";

  @TempDir Path root;
  private Path target;
  private Path archive;

  @BeforeEach
  void build() throws IOException {
    Files.copy(TinyModel.root().resolve(NAME), root.resolve(NAME));
    target = Files.createDirectories(root.resolve("java/cli/target"));
    archive = target.resolve("espalier.jsa");
    Files.createFile(target.resolve("espalier.jar"));
    Files.createFile(target.resolve("espalier.built"));
    Files.createDirectories(root.resolve("jdk/bin"));
    Files.writeString(root.resolve("jdk/release"), "JAVA_VERSION=\"17.0.1\"\n");
  }

  /** Starts a command with Java's archive of classes absent, which that run then writes. */
  private Process start(String java) throws IOException {
    Path script = Files.writeString(root.resolve("jdk/bin/java"), "#!/bin/sh\n" + java);
    assertTrue(script.toFile().setExecutable(true));
    ProcessBuilder builder =
        new ProcessBuilder("bash", root.resolve(NAME).toString(), "embed", "--in", "-");
    builder.environment().put("JAVA_HOME", root.resolve("jdk").toString());
    return builder.redirectErrorStream(true).start();
  }

  @Test
  void aSignalReachesJavaInTheRunThatWritesTheArchive() throws Exception {
    Path begun = root.resolve("begun");
    Path ended = root.resolve("ended");
    Process process =
        start(
            String.format(
                "trap 'sleep 0.2; touch %s; exit 143' TERM\ntouch %s\n"
                    + "i=0; while [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done\n",
                ended, begun));
    while (!Files.exists(begun)) {
      assertTrue(process.isAlive(), "ended early");
      Thread.sleep(20);
    }
    process.destroy();
    assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    assertEquals(143, process.exitValue());
    assertTrue(Files.exists(ended), "Java was left behind");
  }

  @Test
  void theRunThatWritesTheArchiveHasInputAndExitCode() throws Exception {
    String java = "touch " + archive + "\nread line; echo \"got $line\"; exit ";
    for (int code : new int[] {0, 3}) {
      Files.deleteIfExists(archive);
      Process process = start(java + code + "\n");
      try (OutputStream in = process.getOutputStream()) {
        in.write("a text\n".getBytes(StandardCharsets.UTF_8));
      }
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals("got a text\n", out);
      assertEquals(code, process.waitFor());
      // What a run that failed has loaded is too little.
      assertEquals(code == 0, Files.exists(archive));
    }
    assertFalse(Files.exists(target.resolve("espalier.log")), "it was built");
  }
}
