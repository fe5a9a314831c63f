package dev.espalier.bindings;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Unpacking and loading, each in a process of its own, since a process loads once. */
class NativeLibraryTest {
  private static final String LOADED = "loaded " + Espalier.ABI_VERSION;

  @TempDir Path cache;

  @BeforeEach
  void nativesAreInThisBuild() {
    String index = "/dev/espalier/native/" + NativeLibrary.platform() + "/index";
    assumeTrue(
        NativeLibrary.class.getResource(index) != null,
        "SKIPPED: this build holds no natives for " + NativeLibrary.platform());
  }

  @Test
  void unpacksOnceAndUsesWhatIsThere() throws Exception {
    assertEquals(LOADED, load());
    List<Path> files = unpacked();
    assertEquals(2, files.size(), files.toString());
    Object time = Files.getLastModifiedTime(files.get(0));
    Object key = Files.getAttribute(files.get(0), "unix:ino");
    assertEquals(LOADED, load());
    assertEquals(files, unpacked());
    assertEquals(time, Files.getLastModifiedTime(files.get(0)));
    assertEquals(key, Files.getAttribute(files.get(0), "unix:ino"));
  }

  @Test
  void replacesWhatIsTruncatedOrChanged() throws Exception {
    assertEquals(LOADED, load());
    for (Path file : unpacked()) {
      byte[] intact = Files.readAllBytes(file);
      Files.write(file, new byte[0]);
      assertEquals(LOADED, load());
      assertArrayEquals(intact, Files.readAllBytes(file));

      byte[] changed = intact.clone();
      changed[changed.length / 2] ^= 1;
      Files.write(file, changed);
      assertEquals(LOADED, load());
      assertArrayEquals(intact, Files.readAllBytes(file));
    }
  }

  @Test
  void manyProcessesMayUnpackAtOnce() throws Exception {
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      processes.add(start("-Despalier.cache=" + cache));
    }
    for (Process process : processes) {
      assertEquals(LOADED, output(process));
    }
    assertEquals(2, unpacked().size(), unpacked().toString());
  }

  @Test
  void saysWhereItCouldNotUnpack() throws Exception {
    Path file = Files.createFile(cache.resolve("file"));
    String message = output(start("-Despalier.cache=" + file));
    assertTrue(
        message.startsWith("cannot unpack libespalier.so")
            && message.contains(file.toString())
            && message.contains("espalier.cache"),
        message);
  }

  @Test
  void saysWhichPlatformsThereAre() throws Exception {
    String message = output(start("-Dos.name=Mac OS X", "-Dos.arch=aarch64"));
    assertTrue(
        message.contains("macosx-arm64") && message.contains(NativeLibrary.PLATFORMS), message);
  }

  @Test
  void loadsFromAGivenDirectory() throws Exception {
    String missing = output(start("-Despalier.natives=" + cache));
    assertTrue(missing.startsWith("cannot load " + cache.resolve("libespalier.so")), missing);
    assertEquals(LOADED, load());
    Path folder = unpacked().get(0).getParent();
    assertEquals(
        LOADED, output(start("-Despalier.natives=" + folder, "-Despalier.cache=/dev/null")));
  }

  @Test
  void anotherReleasesLibraryIsNamedWithBothVersions() {
    Path library = cache.resolve("libespalier.so");
    NativeLibrary.requireVersion(library, Espalier.ABI_VERSION);
    int other = Espalier.ABI_VERSION + 1;
    String message =
        assertThrows(
                NativeLibrary.MismatchException.class,
                () -> NativeLibrary.requireVersion(library, other))
            .getMessage();
    assertTrue(
        message.contains(library + " has ABI version " + other)
            && message.contains("version " + Espalier.ABI_VERSION),
        message);
  }

  @Test
  void memoryIsCopiedBothWays() {
    NativeLibrary.load();
    long[] backend = new long[1];
    long[] memory = new long[1];
    assertEquals(
        Espalier.ESP_OK, Espalier.esp_backend_create(Espalier.ESP_ISA_PORTABLE, 1, backend));
    try {
      assertEquals(Espalier.ESP_OK, Espalier.esp_alloc(backend[0], 16, memory));
      assertEquals(0, memory[0] % 16);
      NativeMemory.write(memory[0], new float[] {0f, 1f, Float.NaN, -0f}, 1, 3);
      int[] bits = new int[4];
      NativeMemory.read(memory[0], bits, 0, 4);
      assertArrayEquals(
          new int[] {0x3f800000, Float.floatToRawIntBits(Float.NaN), 0x80000000, 0}, bits);
      NativeMemory.write(memory[0], new byte[] {1, 2, 3, 4}, 0, 4);
      assertEquals(0x01020304, NativeMemory.view(memory[0], 16).getInt(0));
      assertEquals(memory[0], NativeMemory.address(NativeMemory.view(memory[0], 16)));
      assertThrows(
          ArrayIndexOutOfBoundsException.class,
          () -> NativeMemory.read(memory[0], new float[3], 0, 4));
    } finally {
      Espalier.esp_free(backend[0], memory[0]);
      Espalier.esp_backend_destroy(backend[0]);
    }
  }

  private String load() throws Exception {
    return output(start("-Despalier.cache=" + cache));
  }

  private List<Path> unpacked() throws IOException {
    try (Stream<Path> paths = Files.walk(cache)) {
      return paths.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static Process start(String... options) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xshare:auto", "-XX:+UseSerialGC"));
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(LoadProbe.class.getName());
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().remove("JAVA_TOOL_OPTIONS"); // the JVM would announce it in the output
    return builder.start();
  }

  private static String output(Process process) throws Exception {
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "the probe hangs");
    assertEquals(0, process.exitValue(), text);
    return text.strip();
  }
}
