package dev.espalier.model;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * A directory that is filled under another name beside its place and then renamed: there it is
 * complete or absent. Closing it deletes what was not renamed, and so does the end of the process,
 * Ctrl-C included.
 */
final class TemporaryDirectory implements AutoCloseable {
  private final Path place;
  private final Path path;
  private final Thread cleaner;
  private boolean ending;

  private TemporaryDirectory(Path place) {
    String name = "." + place.getFileName() + "." + ProcessHandle.current().pid() + ".tmp";
    this.place = place;
    this.path = place.resolveSibling(name);
    this.cleaner = new Thread(this::deleteAtEnd, "espalier-cleaner");
  }

  static TemporaryDirectory beside(Path place) throws IOException {
    TemporaryDirectory directory = new TemporaryDirectory(place);
    directory.create();
    return directory;
  }

  /** With the cleaner in place first, so that no moment is without it. */
  private synchronized void create() throws IOException {
    try {
      Runtime.getRuntime().addShutdownHook(cleaner);
    } catch (IllegalStateException e) {
      ending = true;
    }
    if (ending) {
      throw new IOException(path + " is not created: the process is ending");
    }
    try {
      Files.createDirectory(path);
    } catch (IOException e) {
      removeCleaner();
      throw e;
    }
  }

  private void removeCleaner() {
    try {
      Runtime.getRuntime().removeShutdownHook(cleaner);
    } catch (IllegalStateException e) {
      // The process is ending: the cleaner runs, and finds nothing.
    }
  }

  Path path() {
    return path;
  }

  /** Puts it in its place; an empty directory there is replaced, anything else is an error. */
  void rename() throws IOException {
    Files.move(path, place, StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  public void close() throws IOException {
    delete(path);
    removeCleaner();
  }

  private synchronized void deleteAtEnd() {
    ending = true;
    // Under another name nobody can put more files into it.
    Path away = path.resolveSibling(path.getFileName() + ".old");
    try {
      Files.move(path, away, StandardCopyOption.ATOMIC_MOVE);
      delete(away);
    } catch (IOException e) {
      // It has been renamed or deleted, or nothing can be done.
    }
  }

  private static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try {
      Files.walkFileTree(
          directory,
          new SimpleFileVisitor<Path>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.deleteIfExists(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException e)
                throws IOException {
              Files.deleteIfExists(visited);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (NoSuchFileException e) {
      // The end of the process was faster.
    }
  }
}
