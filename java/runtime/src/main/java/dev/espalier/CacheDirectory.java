package dev.espalier;

import java.nio.file.Path;

/**
 * Where Espalier keeps what it unpacks and downloads; everything in it can be deleted at any time.
 */
public final class CacheDirectory {
  /** The system property that overrides the place. */
  public static final String PROPERTY = "espalier.cache";

  private CacheDirectory() {}

  /**
   * The system property {@value #PROPERTY}, else {@code $XDG_CACHE_HOME/espalier}, else {@code
   * ~/.cache/espalier}. The directory need not exist.
   */
  public static Path get() {
    String property = System.getProperty(PROPERTY);
    if (property != null && !property.isEmpty()) {
      return Path.of(property).toAbsolutePath();
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    // The XDG specification says that a relative path is to be ignored.
    if (xdg != null && xdg.startsWith("/")) {
      return Path.of(xdg, "espalier");
    }
    return Path.of(System.getProperty("user.home"), ".cache", "espalier").toAbsolutePath();
  }
}
