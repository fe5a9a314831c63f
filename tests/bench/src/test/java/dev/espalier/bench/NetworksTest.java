package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.ModelNotFoundException;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NetworksTest {
  @TempDir Path folder;
  private Path onnx;

  @BeforeEach
  void files() throws IOException {
    onnx = Files.writeString(folder.resolve("model.onnx"), "");
    Files.writeString(folder.resolve("tokenizer.json"), "{}");
  }

  @Test
  void inFp32AllReadTheSame() {
    try (Networks networks = Networks.of(onnx.toString(), "fp32", Optional.empty())) {
      assertEquals(DType.F32, networks.dtype());
      assertEquals(networks.files(), networks.ort());
    }
  }

  @Test
  void inInt8OnnxRuntimeReadsTheGivenModelWithTheSameTokenizer() throws IOException {
    Path other = Files.createDirectory(folder.resolve("other"));
    Path quantized = Files.writeString(other.resolve("quantized.onnx"), "");
    try (Networks networks = Networks.of(onnx.toString(), "int8", Optional.of(quantized))) {
      assertEquals(DType.I8, networks.dtype());
      assertEquals(onnx.toString(), networks.full());
      assertEquals(quantized, networks.ort().onnx());
      assertEquals(networks.files().tokenizerJson(), networks.ort().tokenizerJson());
    }
  }

  @Test
  void inInt8AFileNeedsAnotherForOnnxRuntime() {
    InvalidInputException e =
        assertThrows(
            InvalidInputException.class,
            () -> Networks.of(onnx.toString(), "int8", Optional.empty()));
    assertTrue(e.getMessage().contains("--ort-model FILE"), e.getMessage());
  }

  @Test
  void whatIsMissingOrUnknownIsRefused() {
    Path missing = folder.resolve("missing.onnx");
    assertThrows(
        ModelNotFoundException.class,
        () -> Networks.of(onnx.toString(), "int8", Optional.of(missing)));
    assertThrows(
        InvalidInputException.class, () -> Networks.of(onnx.toString(), "int4", Optional.empty()));
  }
}
