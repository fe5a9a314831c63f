package dev.espalier.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.EspalierException;
import dev.espalier.model.EmbeddingSettings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * A process that runs one engine outside the JVM and answers JSON lines: {@code peers/serve.py}
 * says which. It ends with its standard input, thus with this process at the latest.
 *
 * <p>One thread at a time.
 */
final class PeerProcess implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int SECONDS_TO_END = 10;

  /**
   * What all engines are started with.
   *
   * @param script tests/bench/peers/run
   * @param files the fp32 network and its tokenizer
   * @param dtype fp32, bf16 or int8, to which an engine quantizes by itself
   * @param calibration a JSON array of texts, for engines that quantize by examples
   */
  record Setup(
      Path script,
      PeerFiles files,
      EmbeddingSettings settings,
      String dtype,
      int threads,
      Path calibration) {}

  private final String engine;
  private final Process process;
  private final BufferedReader answers;
  private final Writer requests;
  private final String version;

  /**
   * Starts it and waits until the model is loaded.
   *
   * @param more arguments
   * @throws EspalierException if it cannot, with the reason it gave
   */
  PeerProcess(String engine, Setup setup, String... more) {
    this.engine = engine;
    List<String> command = new ArrayList<>();
    command.addAll(List.of(setup.script().toString(), "--serve", "--engine", engine));
    command.addAll(List.of("--dtype", setup.dtype()));
    command.addAll(List.of("--threads", Integer.toString(setup.threads())));
    command.addAll(List.of("--onnx", setup.files().onnx().toString()));
    command.addAll(List.of("--tokenizer", setup.files().tokenizerJson().toString()));
    command.addAll(List.of("--calibration", setup.calibration().toString()));
    command.addAll(List.of("--max-length", Integer.toString(setup.settings().maxLength())));
    command.addAll(
        List.of("--pooling", setup.settings().pooling().name().toLowerCase(Locale.ROOT)));
    if (!setup.settings().normalize()) {
      command.add("--no-normalize");
    }
    command.addAll(List.of(more));
    try {
      process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    } catch (IOException e) {
      throw new EspalierException(engine + " cannot be started: " + e.getMessage(), e);
    }
    answers =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    requests = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    try {
      version = answer().path("version").asText();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Its name and version. */
  String version() {
    return version;
  }

  long pid() {
    return process.pid();
  }

  /**
   * Sends a request and waits for the answer.
   *
   * @throws EspalierException if the process ended or refused
   */
  JsonNode ask(ObjectNode request) {
    try {
      requests.write(JSON.writeValueAsString(request) + "\n");
      requests.flush();
    } catch (IOException e) {
      throw new EspalierException(engine + " ended before it was asked: " + e.getMessage(), e);
    }
    return answer();
  }

  static ObjectNode request() {
    return JSON.createObjectNode();
  }

  private JsonNode answer() {
    try {
      String line = answers.readLine();
      if (line == null) {
        throw new EspalierException(engine + " ended without an answer; see its messages above");
      }
      JsonNode answer = JSON.readTree(line);
      if (answer.has("error")) {
        throw new EspalierException(engine + ": " + answer.path("error").asText());
      }
      return answer;
    } catch (IOException e) {
      throw new EspalierException(engine + " gave no answer: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    try {
      requests.close();
    } catch (IOException alreadyEnded) {
      // Nobody reads what was still to be written.
    }
    try {
      if (!process.waitFor(SECONDS_TO_END, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
