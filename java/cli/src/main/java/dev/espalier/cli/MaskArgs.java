package dev.espalier.cli;

import dev.espalier.model.HeadMaskSet;
import dev.espalier.task.Model;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which of the model's attention heads are used: the same options for every command. */
final class MaskArgs {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--head-masks",
      paramLabel = "FILE",
      description = "Head masks by name, as docs/FORMAT.md tells; heads that are off cost nothing.")
  private Path file;

  @Option(
      names = "--mask",
      paramLabel = "NAME",
      description = "The mask of --head-masks that holds (default: the only one there).")
  private String name;

  /** Checks the options without touching the model. */
  void check() {
    if (name != null && file == null) {
      throw new ParameterException(
          command.commandLine(), "--mask " + name + " needs --head-masks FILE, where it is");
    }
  }

  /** The model under the mask, or as it is. */
  Model over(Model model) {
    if (file == null) {
      return model;
    }
    HeadMaskSet masks = HeadMaskSet.read(file);
    if (name == null && masks.masks().size() != 1) {
      throw new ParameterException(
          command.commandLine(),
          "--head-masks "
              + file
              + " has the masks "
              + masks.masks().keySet()
              + "; say --mask NAME");
    }
    return model.withHeadMask(masks.mask(name == null ? masks.masks().firstKey() : name));
  }
}
