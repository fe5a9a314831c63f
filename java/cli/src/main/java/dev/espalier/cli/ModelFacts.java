package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.Layer;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Task;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.text.WordPieceTokenizer;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * What {@code inspect} tells of a model.
 *
 * @param stored what the files hold
 * @param heads by layer, the heads that are left
 * @param packedBytes of the encoder's weights in memory
 * @param backend that packed them
 * @param headProblem why the head that the architecture names cannot be used; empty if it can
 */
record ModelFacts(
    String location,
    ModelConfig config,
    Stored stored,
    List<HeadLayout> heads,
    long packedBytes,
    String backend,
    Map<String, String> tokenizer,
    Optional<EmbeddingSettings> embedding,
    Optional<String> headProblem) {

  /**
   * The tensors of the files.
   *
   * @param parameters elements of all tensors but scales and zero points of int8 codes
   * @param bytes they take in the files
   * @param bytesOnDisk of those files
   * @param dtypes how many elements each type stores
   * @param taskHeads task weights that are there, by what they are for
   */
  record Stored(
      long parameters,
      long bytes,
      long bytesOnDisk,
      Map<String, Long> dtypes,
      SortedSet<String> taskHeads) {}

  static ModelFacts of(
      ModelSource source, Encoder encoder, String backend, Optional<String> headProblem) {
    return new ModelFacts(
        source.location(),
        source.config(),
        stored(source),
        encoder.layers().stream().map(Layer::heads).map(h -> h.layout()).toList(),
        encoder.bytes(),
        backend,
        source.tokenizer().map(t -> WordPieceTokenizer.load(t).describe()).orElse(Map.of()),
        source.embedding(),
        headProblem);
  }

  private static Stored stored(ModelSource source) {
    long parameters = 0;
    long bytes = 0;
    Map<String, Long> dtypes = new TreeMap<>();
    SortedSet<String> tasks = new TreeSet<>();
    Set<String> files = new TreeSet<>();
    for (String name : source.weights().names()) {
      TensorInfo info = source.weights().info(name);
      task(name).ifPresent(tasks::add);
      files.add(info.source());
      if (name.endsWith("position_ids")) {
        continue;
      }
      if (!EncoderTensors.belongsToCodes(name)) {
        parameters += info.elements();
      }
      bytes += info.elements() * info.dtype().bytes();
      dtypes.merge(info.dtype().name().toLowerCase(Locale.ROOT), info.elements(), Long::sum);
    }
    return new Stored(parameters, bytes, bytesOnDisk(files, source.location()), dtypes, tasks);
  }

  /** What a tensor outside the encoder is for, by the names that transformers gives. */
  private static Optional<String> task(String name) {
    if (name.startsWith("cls.predictions.")) {
      return Optional.of("masked tokens (cls.predictions)");
    }
    if (name.startsWith("cls.seq_relationship.")) {
      return Optional.of("next sentence (cls.seq_relationship)");
    }
    if (name.startsWith("qa_outputs.")) {
      return Optional.of("question answering (qa_outputs)");
    }
    if (name.startsWith("classifier.")) {
      return Optional.of("classification (classifier)");
    }
    return Optional.empty();
  }

  private String architecture() {
    return config.architectures().isEmpty() ? "BERT" : String.join(", ", config.architectures());
  }

  String toText() {
    Facts facts = new Facts("");
    facts.add("model", location);
    facts.add("architecture", architecture());
    facts.add("task", task());
    facts.add("parameters", Facts.count(stored.parameters()));
    facts.add("layers", Integer.toString(config.layers()));
    facts.add("hidden size", Integer.toString(config.hiddenSize()));
    facts.add("heads", headsSummary());
    facts.add("feed-forward", config.intermediateSize() + ", " + config.activation().configName());
    facts.add("positions", Integer.toString(config.maxPositions()));
    facts.add("vocabulary", Facts.count(config.vocabSize()) + ", " + types());
    facts.add("layer norm", "epsilon " + config.layerNormEps());
    facts.add("stored as", storedAs());
    facts.add("packed for", backend + ": " + Facts.bytes(packedBytes) + " (encoder)");
    facts.add(
        "embeddings", embedding.map(ModelFacts::describe).orElse("no settings with the model"));
    facts.add(
        "task heads",
        stored.taskHeads().isEmpty() ? "none" : String.join(", ", stored.taskHeads()));
    if (!config.labels().isEmpty()) {
      facts.add("labels", labels());
    }
    StringBuilder s = new StringBuilder(facts.toString());
    if (isPruned()) {
      s.append("\nheads left in each layer, of ").append(config.heads()).append('\n');
      for (int l = 0; l < heads.size(); l++) {
        s.append(
            String.format(
                Locale.ROOT,
                "  %3d  %s, %d feed-forward columns%n",
                l,
                headMap(heads.get(l)),
                config.shape(l).intermediateSize()));
      }
    }
    if (tokenizer.isEmpty()) {
      s.append("\nno tokenizer with the model\n");
    } else {
      s.append("\ntokenizer\n");
      Facts t = new Facts("  ");
      tokenizer.forEach(t::add);
      s.append(t);
    }
    return s.toString();
  }

  /** What the model answers, and whether it can. */
  private String task() {
    if (config.task() == Task.NONE) {
      return "none: an encoder alone";
    }
    String kind = config.problemType() == null ? "" : ", " + config.problemType().replace('_', ' ');
    return config.task().label() + kind + headProblem.map(p -> ", but " + p).orElse("");
  }

  private String types() {
    return config.typeVocabSize() + (config.typeVocabSize() == 1 ? " token type" : " token types");
  }

  private String storedAs() {
    return stored.dtypes().keySet().stream().collect(Collectors.joining(", "))
        + ", "
        + Facts.bytes(stored.bytes())
        + fileSize();
  }

  private String fileSize() {
    return stored.bytesOnDisk() > 0 ? " (" + Facts.bytes(stored.bytesOnDisk()) + " on disk)" : "";
  }

  /** The size of the files that hold tensors, or of the jar around them; 0 if it cannot be told. */
  private static long bytesOnDisk(Set<String> files, String location) {
    long sum = 0;
    for (String file : files) {
      sum += new File(file).length();
    }
    File whole = new File(location);
    return sum > 0 ? sum : whole.isFile() ? whole.length() : 0;
  }

  private boolean isPruned() {
    return !config.shapes().isEmpty()
        || heads.stream().anyMatch(h -> h.heads().size() < config.heads());
  }

  private String headsSummary() {
    int left = heads.stream().mapToInt(h -> h.heads().size()).sum();
    int all = config.layers() * config.heads();
    String width = "width " + config.headSize();
    return isPruned()
        ? left + " of " + all + " left, " + width
        : config.heads() + " in each layer, " + width;
  }

  /** One character a head: its last digit where it is left, a dot where it was pruned. */
  private String headMap(HeadLayout layout) {
    StringBuilder s = new StringBuilder(".".repeat(config.heads()));
    layout.heads().forEach(h -> s.setCharAt(h.index(), (char) ('0' + h.index() % 10)));
    return s + "  " + layout.heads().size();
  }

  private String labels() {
    List<String> shown = new ArrayList<>();
    new TreeMap<>(config.labels()).forEach((id, label) -> shown.add(label));
    int most = 12;
    return shown.size() <= most
        ? String.join(", ", shown)
        : String.join(", ", shown.subList(0, most)) + ", ... (" + shown.size() + ")";
  }

  private static String describe(EmbeddingSettings e) {
    return e.pooling().name().toLowerCase(Locale.ROOT)
        + " pooling, "
        + (e.normalize() ? "normalized" : "not normalized")
        + ", at most "
        + e.maxLength()
        + " tokens"
        + (e.prompts().isEmpty() ? "" : ", prompts " + new TreeSet<>(e.prompts().keySet()));
  }

  void write(JsonGenerator j) throws IOException {
    j.writeStartObject();
    j.writeStringField("location", location);
    j.writeStringField("architecture", architecture());
    if (config.task() == Task.NONE) {
      j.writeNullField("task");
    } else {
      j.writeStringField("task", config.task().label());
    }
    j.writeStringField("problem_type", config.problemType());
    j.writeStringField("head_problem", headProblem.orElse(null));
    j.writeNumberField("parameters", stored.parameters());
    j.writeNumberField("layers", config.layers());
    j.writeNumberField("hidden_size", config.hiddenSize());
    j.writeNumberField("heads", config.heads());
    j.writeNumberField("head_size", config.headSize());
    j.writeArrayFieldStart("heads_per_layer");
    for (HeadLayout layout : heads) {
      j.writeStartArray();
      for (HeadLayout.Head h : layout.heads()) {
        j.writeNumber(h.index());
      }
      j.writeEndArray();
    }
    j.writeEndArray();
    j.writeNumberField("intermediate_size", config.intermediateSize());
    j.writeArrayFieldStart("intermediate_size_per_layer");
    for (int l = 0; l < config.layers(); l++) {
      j.writeNumber(config.shape(l).intermediateSize());
    }
    j.writeEndArray();
    j.writeStringField("activation", config.activation().configName());
    j.writeNumberField("max_positions", config.maxPositions());
    j.writeNumberField("vocab_size", config.vocabSize());
    j.writeNumberField("type_vocab_size", config.typeVocabSize());
    j.writeNumberField("layer_norm_eps", config.layerNormEps());
    j.writeObjectFieldStart("stored");
    j.writeNumberField("bytes", stored.bytes());
    j.writeNumberField("bytes_on_disk", stored.bytesOnDisk());
    j.writeObjectFieldStart("elements_by_dtype");
    for (Map.Entry<String, Long> e : stored.dtypes().entrySet()) {
      j.writeNumberField(e.getKey(), e.getValue());
    }
    j.writeEndObject();
    j.writeEndObject();
    j.writeNumberField("packed_bytes", packedBytes);
    j.writeStringField("backend", backend);
    writeEmbedding(j);
    j.writeArrayFieldStart("task_heads");
    for (String task : stored.taskHeads()) {
      j.writeString(task);
    }
    j.writeEndArray();
    j.writeArrayFieldStart("labels");
    for (String label : new TreeMap<>(config.labels()).values()) {
      j.writeString(label);
    }
    j.writeEndArray();
    if (tokenizer.isEmpty()) {
      j.writeNullField("tokenizer");
    } else {
      j.writeObjectFieldStart("tokenizer");
      for (Map.Entry<String, String> e : tokenizer.entrySet()) {
        j.writeStringField(e.getKey(), e.getValue());
      }
      j.writeEndObject();
    }
    j.writeEndObject();
  }

  private void writeEmbedding(JsonGenerator j) throws IOException {
    if (embedding.isEmpty()) {
      j.writeNullField("embedding");
      return;
    }
    EmbeddingSettings e = embedding.get();
    j.writeObjectFieldStart("embedding");
    j.writeStringField("pooling", e.pooling().name().toLowerCase(Locale.ROOT));
    j.writeBooleanField("normalize", e.normalize());
    j.writeNumberField("max_length", e.maxLength());
    j.writeArrayFieldStart("prompts");
    for (String name : new TreeSet<>(e.prompts().keySet())) {
      j.writeString(name);
    }
    j.writeEndArray();
    j.writeEndObject();
  }
}
