package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.ModelResolver.Known;
import dev.espalier.model.Models;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The short names of models. */
@Command(
    description = ModelsCommand.SUMMARY,
    footer = {
      "",
      "A model that is not here yet is fetched the first time a command names it.",
      "",
      "Examples:",
      "  espalier models",
      "  espalier models --json"
    })
final class ModelsCommand implements Callable<Integer> {
  static final String SUMMARY = "Lists the models that have a short name.";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Option(
      names = "--json",
      description =
          "Print {\"models\":[{\"name\",\"description\",\"origin\",\"pooling\",\"normalize\","
              + "\"max_length\",\"local\",\"bytes\"}]}.")
  private boolean json;

  ModelsCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    List<Known> known = Models.known();
    console.print(json ? Json.pretty(j -> write(j, known)) : table(known));
    return ExitCode.OK;
  }

  private static void write(JsonGenerator j, List<Known> known) throws IOException {
    j.writeStartObject();
    j.writeArrayFieldStart("models");
    for (Known k : known) {
      j.writeStartObject();
      j.writeStringField("name", k.name());
      j.writeStringField("description", k.description());
      j.writeStringField("origin", k.origin());
      j.writeStringField("pooling", k.settings().pooling().name().toLowerCase(Locale.ROOT));
      j.writeBooleanField("normalize", k.settings().normalize());
      j.writeNumberField("max_length", k.settings().maxLength());
      j.writeStringField("local", k.local().map(Object::toString).orElse(null));
      if (k.bytes() > 0) {
        j.writeNumberField("bytes", k.bytes());
      } else {
        j.writeNullField("bytes");
      }
      j.writeEndObject();
    }
    j.writeEndArray();
    j.writeEndObject();
  }

  private static String table(List<Known> known) {
    if (known.isEmpty()) {
      return "no short names: the module espalier-hub, which knows some, is not on the classpath\n";
    }
    StringBuilder s = new StringBuilder();
    for (Known k : known) {
      if (!s.isEmpty()) {
        s.append('\n');
      }
      EmbeddingSettings e = k.settings();
      s.append(k.name()).append('\n');
      Facts facts = new Facts("  ");
      facts.add("what", k.description());
      facts.add("from", k.origin());
      facts.add(
          "vectors",
          e.pooling().name().toLowerCase(Locale.ROOT)
              + " pooling, "
              + (e.normalize() ? "normalized" : "not normalized")
              + ", at most "
              + e.maxLength()
              + " tokens");
      facts.add(
          "here",
          k.local()
              .map(p -> p + (k.bytes() > 0 ? " (" + Facts.bytes(k.bytes()) + ")" : ""))
              .orElse(
                  "no; fetched when first used"
                      + (k.bytes() > 0 ? " (" + Facts.bytes(k.bytes()) + ")" : "")));
      s.append(facts);
    }
    return s.toString();
  }
}
