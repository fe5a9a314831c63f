package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.Pooling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The JSON lines, against a shell script in the place of an engine. */
class ProcessPeerTest {
  /** Answers each run with the one vector (1, 2). */
  private static final String ENGINE =
      """
      #!/bin/sh
      echo '{"ready": true, "version": "fake 1.0"}'
      while read -r line; do
        case $line in
        *'"run":"sorted"'*)
          out=${line##*\\"out\\":\\"}
          printf '\\000\\000\\200\\077\\000\\000\\000\\100' >"${out%%\\"*}"
          echo '{"seconds": 2.5, "texts": 1, "hidden": 2}'
          ;;
        *'"choose":"sorted"'*) echo '{"plan": "1 x 2 threads"}' ;;
        *'"single":["a","b"]'*) echo '{"ms": [4, 5]}' ;;
        *) echo '{"error": "ValueError: unknown request"}' ;;
        esac
      done
      """;

  @TempDir Path folder;

  private PeerProcess start(String script) throws IOException {
    Path file = Files.writeString(folder.resolve("engine"), script);
    assertTrue(file.toFile().setExecutable(true));
    return new PeerProcess(
        "fake",
        new PeerProcess.Setup(
            file,
            new PeerFiles(Path.of("model.onnx"), Path.of("tokenizer.json"), Optional.empty()),
            new EmbeddingSettings(Pooling.MEAN, true, 256, Map.of(), null),
            "fp32",
            2,
            Path.of("texts.json")));
  }

  @Test
  void vectorsAndTheEnginesOwnSeconds() throws IOException {
    try (PeerProcess process = start(ENGINE)) {
      assertEquals("fake 1.0", process.version());
      ProcessPeer peer = new ProcessPeer("fake_sorted", process, OrtPeer.Order.SORTED, folder);
      assertEquals("1 x 2 threads", peer.choose(List.of("a")));
      Peer.Timed timed = peer.timed(List.of("a"));
      assertEquals(2.5, timed.seconds());
      assertArrayEquals(new float[][] {{1, 2}}, timed.vectors());
      assertEquals("[\"a\"]", Files.readString(folder.resolve("fake_sorted.json")));
      assertArrayEquals(new double[] {4, 5}, peer.singly(List.of("a", "b")));
    }
  }

  @Test
  void aRefusalHasTheEnginesReason() throws IOException {
    try (PeerProcess process = start(ENGINE)) {
      ProcessPeer peer = new ProcessPeer("fake_arrival", process, OrtPeer.Order.ARRIVAL, folder);
      EspalierException e = assertThrows(EspalierException.class, () -> peer.embed(List.of("a")));
      assertEquals("fake: ValueError: unknown request", e.getMessage());
    }
  }

  @Test
  void anEngineThatEndsIsNoEndlessWait() {
    EspalierException e = assertThrows(EspalierException.class, () -> start("#!/bin/sh\nexit 1\n"));
    assertTrue(e.getMessage().contains("ended without an answer"), e.getMessage());
  }

  @Test
  void closingTwiceEndsItOnce() throws IOException {
    PeerProcess process = start(ENGINE);
    process.close();
    process.close();
    assertTrue(ProcessHandle.of(process.pid()).filter(ProcessHandle::isAlive).isEmpty());
  }

  @Test
  void aFileOfAnotherSizeIsRefused() throws IOException {
    Path file = Files.write(folder.resolve("v.f32"), new byte[12]);
    assertThrows(IllegalStateException.class, () -> ProcessPeer.read(file, 2, 2));
    assertArrayEquals(new float[][] {{0, 0, 0}}, ProcessPeer.read(file, 1, 3));
  }

  @Test
  void onlyKnownEnginesAndEachOnce() {
    ProcessPeers.check(List.of("ctranslate2", "openvino"));
    assertThrows(InvalidInputException.class, () -> ProcessPeers.check(List.of("onednn")));
    assertThrows(
        InvalidInputException.class, () -> ProcessPeers.check(List.of("openvino", "openvino")));
  }
}
