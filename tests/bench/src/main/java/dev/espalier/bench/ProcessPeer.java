package dev.espalier.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Texts to vectors in another process, in one of the two orders. Texts and vectors travel in files;
 * the time is the other process's own, in which that travelling is not. The process is shared and
 * not closed here.
 */
final class ProcessPeer implements Peer {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String name;
  private final PeerProcess process;
  private final OrtPeer.Order order;
  private final Path texts;
  private final Path vectors;

  /**
   * @param scratch a folder for the files
   */
  ProcessPeer(String name, PeerProcess process, OrtPeer.Order order, Path scratch) {
    this.name = name;
    this.process = process;
    this.order = order;
    this.texts = scratch.resolve(name + ".json");
    this.vectors = scratch.resolve(name + ".f32");
  }

  @Override
  public String name() {
    return name;
  }

  OrtPeer.Order order() {
    return order;
  }

  /** Lets the engine try its ways of using the threads on the sample; tells which it keeps. */
  String choose(List<String> sample) {
    ObjectNode request = PeerProcess.request().put("choose", order.label());
    return process.ask(request.put("in", write(sample))).path("plan").asText();
  }

  @Override
  public float[][] embed(List<String> batch) {
    return timed(batch).vectors();
  }

  @Override
  public Timed timed(List<String> batch) {
    ObjectNode request = PeerProcess.request().put("run", order.label()).put("in", write(batch));
    JsonNode answer = process.ask(request.put("out", vectors.toString()));
    return new Timed(
        read(vectors, answer.path("texts").asInt(), answer.path("hidden").asInt()),
        answer.path("seconds").asDouble(Double.NaN));
  }

  @Override
  public double[] singly(List<String> batch) {
    ObjectNode request = PeerProcess.request();
    request.set("single", JSON.valueToTree(batch));
    double[] ms = new double[batch.size()];
    JsonNode answer = process.ask(request).path("ms");
    for (int i = 0; i < ms.length; i++) {
      ms[i] = answer.path(i).asDouble(Double.NaN);
    }
    return ms;
  }

  private String write(List<String> batch) {
    write(batch, texts);
    return texts.toString();
  }

  /** As a JSON array. */
  static void write(List<String> texts, Path file) {
    try {
      JSON.writeValue(file.toFile(), texts);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }

  /** Little-endian fp32, row by row. */
  static float[][] read(Path file, int rows, int columns) {
    try {
      FloatBuffer all =
          ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
      if (all.remaining() != (long) rows * columns) {
        throw new IllegalStateException(
            file + ": " + all.remaining() + " values, expected " + rows + " x " + columns);
      }
      float[][] vectors = new float[rows][columns];
      for (float[] row : vectors) {
        all.get(row);
      }
      return vectors;
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {}
}
