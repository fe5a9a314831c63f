package dev.espalier.cli;

/** The command line's entry point. */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    String version = Main.class.getPackage().getImplementationVersion();
    System.out.println("espalier " + (version == null ? "(not packaged)" : version));
  }
}
