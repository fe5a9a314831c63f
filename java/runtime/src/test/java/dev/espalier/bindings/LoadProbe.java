package dev.espalier.bindings;

/**
 * Loads the natives in a process of its own and prints "loaded VERSION" or the message of the
 * failure.
 */
final class LoadProbe {
  private LoadProbe() {}

  public static void main(String[] arguments) {
    RuntimeException cause = NativeLibrary.unavailabilityCause();
    System.out.println(cause == null ? "loaded " + Espalier.esp_abi_version() : cause.getMessage());
  }
}
