package dev.espalier.model;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import dev.espalier.ModelNotFoundException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/**
 * Opens models by directory, {@code model.safetensors} or {@code .onnx} file, TensorFlow checkpoint
 * ({@code bert_model.ckpt}, with or without {@code .index}), {@code .jar}, or a short name that a
 * {@link ModelResolver} on the classpath knows. An existing file or directory goes before a short
 * name. Thread-safe.
 */
public final class Models {
  private Models() {}

  /** As {@link #open(String, OpenOptions)}, with everything as the model says. */
  public static ModelSource open(String nameOrPath) {
    return open(nameOrPath, OpenOptions.none());
  }

  /**
   * Opens a model and checks all of it but the values of its weights, which are checked as they are
   * read.
   *
   * @throws ModelNotFoundException if there is no such file, directory or short name, or it cannot
   *     be fetched
   * @throws ModelFormatException if a file of the model is missing, damaged or contradicts another
   * @throws dev.espalier.UnsupportedModelException if the model asks for mathematics that is not
   *     implemented
   */
  public static ModelSource open(String nameOrPath, OpenOptions options) {
    Optional<Path> path = existing(nameOrPath);
    if (path.isPresent()) {
      return open(nameOrPath, path.get(), Optional.empty(), options);
    }
    for (ModelResolver resolver : resolvers()) {
      Optional<Path> file = resolver.resolve(nameOrPath);
      if (file.isPresent()) {
        return open(nameOrPath, file.get(), resolver.settings(nameOrPath), options);
      }
    }
    throw notFound(nameOrPath);
  }

  /** All short names that the resolvers on the classpath know. */
  public static List<ModelResolver.Known> known() {
    List<ModelResolver.Known> known = new ArrayList<>();
    resolvers().forEach(r -> known.addAll(r.known()));
    return known;
  }

  private static ModelSource open(
      String name, Path path, Optional<EmbeddingSettings> settings, OpenOptions options) {
    if (Files.isDirectory(path)) {
      Optional<Path> tensorFlow =
          DirectoryLoader.hasWeights(path) ? Optional.empty() : TensorFlowLoader.index(path);
      if (tensorFlow.isPresent()) {
        return TensorFlowLoader.open(name, tensorFlow.get(), path.toString(), settings, options);
      }
      return DirectoryLoader.open(name, path, settings, options);
    }
    String file = path.getFileName().toString().toLowerCase(Locale.ROOT);
    if (file.endsWith(".safetensors") || file.endsWith(".safetensors.index.json")) {
      return DirectoryLoader.open(name, path, settings, options);
    }
    if (file.endsWith(".onnx")) {
      return OnnxLoader.open(name, path, path.toString(), settings, options);
    }
    if (file.endsWith(".index")) {
      return TensorFlowLoader.open(name, path, path.toString(), settings, options);
    }
    if (file.endsWith(".jar")) {
      return JarLoader.open(name, path, settings, options);
    }
    throw new ModelFormatException(
        path
            + ": is not a model file by its name; known are directories, .safetensors, .onnx,"
            + " .index (TensorFlow) and .jar files");
  }

  private static Optional<Path> existing(String nameOrPath) {
    try {
      // TensorFlow names a checkpoint by what its files' names begin with.
      return Stream.of(nameOrPath, nameOrPath + ".index")
          .map(Path::of)
          .filter(p -> !nameOrPath.isEmpty() && Files.exists(p))
          .findFirst();
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  private static List<ModelResolver> resolvers() {
    List<ModelResolver> resolvers = new ArrayList<>();
    try {
      ServiceLoader.load(ModelResolver.class, Models.class.getClassLoader())
          .forEach(resolvers::add);
    } catch (ServiceConfigurationError e) {
      throw new EspalierException(
          "a ModelResolver on the classpath cannot be loaded: " + e.getMessage(), e);
    }
    return resolvers;
  }

  private static ModelNotFoundException notFound(String name) {
    List<String> known = known().stream().map(ModelResolver.Known::name).toList();
    if (resolvers().isEmpty()) {
      return new ModelNotFoundException(
          "\""
              + name
              + "\": no such file or directory. For short model names add the dependency"
              + " dev.espalier:espalier-hub, which fetches them from a Maven repository");
    }
    return new ModelNotFoundException(
        "\""
            + name
            + "\": no such file or directory, and not a known short name; known are "
            + known);
  }
}
