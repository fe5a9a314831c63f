package dev.espalier.parity;

import dev.espalier.EspalierException;
import dev.espalier.backend.Backend;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.encoder.TaskHead;
import dev.espalier.encoder.TaskHeadPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Runs golden fixtures, whole models with their expected values, on a backend. */
public final class GoldenSuite {
  private GoldenSuite() {}

  /**
   * Runs the fixture {@code directory}, or all fixtures directly under it, in order of their names.
   *
   * @param backend stays open
   * @throws NoFixturesException if there is none
   */
  public static ParityReport run(Path directory, Backend backend) {
    List<ParityReport.Fixture> fixtures = new ArrayList<>();
    for (Path fixture : find(directory)) {
      fixtures.add(runOne(fixture, backend));
    }
    return new ParityReport(backend.description(), fixtures);
  }

  /**
   * The fixtures that {@link #run} would run.
   *
   * @throws NoFixturesException if there is none
   */
  public static List<Path> find(Path directory) {
    if (GoldenFixture.isFixture(directory)) {
      return List.of(directory);
    }
    if (!Files.isDirectory(directory)) {
      throw new NoFixturesException(directory + ": no such directory");
    }
    try (Stream<Path> children = Files.list(directory)) {
      List<Path> fixtures = children.filter(GoldenFixture::isFixture).sorted().toList();
      if (fixtures.isEmpty()) {
        throw new NoFixturesException(
            directory
                + ": neither it nor a directory in it holds expected.safetensors; no fixture to"
                + " run");
      }
      return fixtures;
    } catch (IOException | UncheckedIOException e) {
      throw new EspalierException(directory + ": cannot be listed: " + e.getMessage(), e);
    }
  }

  /** A task head that may be absent, to be closed. */
  private record PackedHead(Optional<TaskHead> head) implements AutoCloseable {
    @Override
    public void close() {
      head.ifPresent(TaskHead::close);
    }
  }

  private static ParityReport.Fixture runOne(Path directory, Backend backend) {
    String name = directory.toAbsolutePath().normalize().getFileName().toString();
    try (GoldenFixture fixture = GoldenFixture.open(directory);
        ModelSource source = Models.open(directory.toString());
        Encoder encoder = EncoderPacker.pack(source, backend);
        PackedHead head = new PackedHead(TaskHeadPacker.pack(source, backend, Optional.empty()))) {
      List<ParityReport.Output> outputs = new GoldenRun(fixture, encoder, head.head()).run();
      return new ParityReport.Fixture(
          name,
          outputs,
          outputs.isEmpty()
              ? Optional.of("expected.safetensors: holds no outputs")
              : Optional.empty());
    } catch (EspalierException e) {
      return new ParityReport.Fixture(name, List.of(), Optional.of(e.getMessage()));
    } catch (RuntimeException e) {
      // A defect of ours must not hide the other fixtures' outcome.
      return new ParityReport.Fixture(name, List.of(), Optional.of(e.toString()));
    }
  }
}
