package dev.espalier.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JarLoaderTest {
  @TempDir Path temp;
  private Path cache;
  private Path jar;

  @BeforeEach
  void jar() throws IOException {
    cache = temp.resolve("cache");
    System.setProperty(ModelCache.PROPERTY, cache.toString());
    jar =
        write(
            Map.of(
                "some/x.onnx", onnx(), "x-tokenizer.json", "{}".getBytes(StandardCharsets.UTF_8)));
  }

  @AfterEach
  void restore() {
    System.clearProperty(ModelCache.PROPERTY);
  }

  @Test
  void isUnpackedOnceAndWhatWasDamagedAgain() throws IOException {
    try (ModelSource model = Models.open(jar.toString())) {
      assertEquals(jar.toString(), model.location());
      assertEquals(
          "{}",
          new String(
              model.tokenizer().orElseThrow().tokenizerJson().orElseThrow(),
              StandardCharsets.UTF_8));
    }
    Path unpacked = entries().get(0).resolve("model.onnx");
    var before = Files.getLastModifiedTime(unpacked);
    Models.open(jar.toString()).close();
    assertEquals(before, Files.getLastModifiedTime(unpacked));
    Files.write(unpacked, new byte[3]);
    Models.open(jar.toString()).close();
    assertEquals(1, entries().size(), "nothing temporary is left: " + entries());
  }

  @Test
  void manyAtOnceGetTheSameDirectory() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      List<Future<Integer>> results = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        results.add(
            pool.submit(
                () -> {
                  try (ModelSource model = Models.open(jar.toString())) {
                    return model.config().layers();
                  }
                }));
      }
      for (Future<Integer> r : results) {
        assertEquals(1, r.get());
      }
    } finally {
      pool.shutdown();
    }
    assertEquals(1, entries().size(), "nothing temporary is left: " + entries());
  }

  @Test
  void anotherJarOfTheSameNameIsUnpackedAnew() throws IOException {
    Models.open(jar.toString()).close();
    write(Map.of("x.onnx", new OnnxFixture(true, Map.of()).bytes(2)));
    try (ModelSource model = Models.open(jar.toString())) {
      assertEquals(2, model.config().layers());
    }
    assertEquals(2, entries().size());
  }

  @Test
  void refusals() throws IOException {
    write(Map.of("x.txt", new byte[1]));
    assertFails(ModelFormatException.class, "holds no .onnx file and no archive");
    Map<String, byte[]> two = new LinkedHashMap<>();
    two.put("a.onnx", onnx());
    two.put("b.onnx", onnx());
    write(two);
    assertFails(ModelFormatException.class, "holds 2 .onnx files", "a.onnx", "b.onnx");
    Files.write(jar, new byte[100]);
    assertFails(ModelFormatException.class, "cannot be read as a jar");
    write(Map.of("x.onnx", onnx()));
    byte[] bytes = Files.readAllBytes(jar);
    // Inside the compressed data of the only entry.
    for (int i = 60; i < 90; i++) {
      bytes[i] ^= 0x55;
    }
    Files.write(jar, bytes);
    assertFails(ModelFormatException.class, "x.onnx: is damaged");
    assertEquals(List.of(), entries());
  }

  @Test
  void anUnwritableCacheIsNamedWithTheWayOut() throws IOException {
    Path file = Files.writeString(temp.resolve("file"), "");
    System.setProperty(ModelCache.PROPERTY, file.toString());
    assertFails(EspalierException.class, file.toString(), "-Despalier.cache=DIR");
  }

  private List<Path> entries() throws IOException {
    if (!Files.exists(cache.resolve("models"))) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(cache.resolve("models"))) {
      return files.toList();
    }
  }

  private static byte[] onnx() {
    return new OnnxFixture(false, Map.of()).bytes(1);
  }

  private Path write(Map<String, byte[]> entries) throws IOException {
    Path file = temp.resolve("m.jar");
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, byte[]> e : entries.entrySet()) {
        zip.putNextEntry(new ZipEntry(e.getKey()));
        new ByteArrayInputStream(e.getValue()).transferTo(zip);
        zip.closeEntry();
      }
    }
    return file;
  }

  private void assertFails(Class<? extends EspalierException> type, String... parts) {
    EspalierException e = assertThrows(type, () -> Models.open(jar.toString()));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "expected \"" + part + "\" in: " + e.getMessage());
    }
  }
}
