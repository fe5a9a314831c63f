package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.BackendUnavailableException;
import dev.espalier.backend.CpuBackend;
import dev.espalier.backend.InstructionSet;
import dev.espalier.bindings.NativeLibrary;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What this machine offers, and what is missing. */
@Command(
    description = DoctorCommand.SUMMARY,
    footer = {
      "",
      "Ends with 1 if something is wrong that makes Espalier slow or unable to work; says what.",
      "",
      "Examples:",
      "  espalier doctor",
      "  espalier doctor --json"
    })
final class DoctorCommand implements Callable<Integer> {
  static final String SUMMARY = "Looks at this machine: Java, processor, GPU, caches.";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  private final Machine machine = Machine.here();
  private final GpuReport gpu = GpuReport.here();
  private final List<CacheReport> caches = CacheReport.all();
  private final List<InstructionSet> available = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();
  private final BackendUnavailableException nativeCause = CpuBackend.unavailabilityCause();

  DoctorCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    for (InstructionSet isa : InstructionSet.values()) {
      if (isa.isAvailable()) {
        available.add(isa);
      }
    }
    if (nativeCause != null) {
      problems.add(
          "the cpu backend cannot be used, only the slow java reference: "
              + nativeCause.getMessage());
    }
    gpu.problem().ifPresent(problems::add);
    for (CacheReport cache : caches) {
      if (!cache.writable()) {
        problems.add(cache.what() + " " + cache.path() + " cannot be written");
      }
    }
    console.print(json ? Json.pretty(this::write) : toText());
    return problems.isEmpty() ? ExitCode.OK : ExitCode.NO;
  }

  private String picked() {
    return nativeCause == null ? InstructionSet.best().label() : "none";
  }

  private String nativeState() {
    return nativeCause == null
        ? "loaded for " + NativeLibrary.platform()
        : "missing: " + nativeCause.getMessage();
  }

  /** Whether the processor does so where bf16 is asked for. */
  private boolean multipliesBf16() {
    return nativeCause == null && InstructionSet.best().multipliesBf16();
  }

  private String toText() {
    Facts facts = new Facts("");
    facts.add("espalier", Main.version());
    facts.add("java", machine.java());
    facts.add("system", machine.system());
    facts.add(
        "processor",
        machine.processor()
            + ", "
            + machine.threads()
            + (machine.threads() == 1 ? " thread" : " threads"));
    facts.add("memory", machine.memory());
    facts.add("native library", nativeState());
    StringBuilder sets = new StringBuilder();
    for (InstructionSet isa : InstructionSet.values()) {
      sets.append(sets.isEmpty() ? "" : "  ").append(isa.label());
      sets.append(available.contains(isa) ? " yes" : " no");
    }
    facts.add("instruction sets", sets.toString());
    facts.add("picked", picked());
    facts.add(
        "--dtype bf16",
        multipliesBf16() ? "multiplies bf16 numbers" : "keeps weights in bf16, computes in fp32");
    facts.add("gpu", gpu.toText());
    facts.add("cuda backend", gpu.backendText());
    for (CacheReport cache : caches) {
      facts.add(cache.what(), cache.toText());
    }
    StringBuilder s = new StringBuilder(facts.toString()).append('\n');
    if (problems.isEmpty()) {
      s.append("all well\n");
    }
    problems.forEach(p -> s.append("problem: ").append(p).append('\n'));
    return s.toString();
  }

  private void write(JsonGenerator j) throws IOException {
    j.writeStartObject();
    j.writeStringField("espalier", Main.version());
    machine.write(j);
    j.writeObjectFieldStart("native_library");
    j.writeBooleanField("available", nativeCause == null);
    j.writeStringField("platform", NativeLibrary.platform());
    j.writeStringField("cause", nativeCause == null ? null : nativeCause.getMessage());
    j.writeEndObject();
    j.writeObjectFieldStart("instruction_sets");
    for (InstructionSet isa : InstructionSet.values()) {
      j.writeBooleanField(isa.label(), available.contains(isa));
    }
    j.writeEndObject();
    j.writeStringField("picked", nativeCause == null ? picked() : null);
    j.writeBooleanField("bf16_products", multipliesBf16());
    gpu.write(j);
    j.writeArrayFieldStart("caches");
    for (CacheReport cache : caches) {
      cache.write(j);
    }
    j.writeEndArray();
    j.writeArrayFieldStart("problems");
    for (String p : problems) {
      j.writeString(p);
    }
    j.writeEndArray();
    j.writeEndObject();
  }
}
