package dev.espalier.task;

import dev.espalier.BackendUnavailableException;
import dev.espalier.DeviceLostException;
import dev.espalier.DeviceOutOfMemoryException;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Backends;
import dev.espalier.backend.CudaBackend;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.encoder.Lanes;
import dev.espalier.encoder.TaskHead;
import dev.espalier.encoder.TaskHeadPacker;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.model.Task;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadMask;
import dev.espalier.text.EncodedBatch;
import dev.espalier.text.WordPieceTokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;

/**
 * A model that is ready to run: encoder and tokenizer, loaded on one backend. Load it once, share
 * it, close it.
 *
 * <p>Thread-safe. {@link #close} may be called while other threads compute: they finish, later
 * calls throw {@link IllegalStateException}. A model that is dropped without being closed is
 * reported when the garbage collector finds it: a warning with the stack of where it was loaded.
 */
public final class Model implements AutoCloseable {
  private final String name;
  private final String location;
  private final Backend backend;
  private final Encoder encoder;
  private final Optional<TaskHead> head;
  private final Optional<ModelFormatException> headProblem;
  private final Lanes lanes;
  private final HeadPasses passes;
  private final int batchTokens;
  private final Optional<WordPieceTokenizer> tokenizer;
  private final Optional<EmbeddingSettings> embeddingSettings;
  private final Lease lease;

  /** Whether this is a view that {@link #withHeadMask} made. */
  private final boolean view;

  private Model(
      ModelSource source,
      Backend backend,
      Encoder encoder,
      PackedHead packed,
      Optional<WordPieceTokenizer> tokenizer,
      int batchTokens) {
    this.name = source.name();
    this.location = source.location();
    this.backend = backend;
    this.encoder = encoder;
    this.head = packed.head();
    this.headProblem = packed.problem();
    this.batchTokens = batchTokens;
    int most = Math.max(batchTokens, encoder.config().maxPositions());
    this.lanes = new Lanes(encoder, encoder.plan(most));
    this.passes = new HeadPasses(encoder, head.orElse(null), most);
    this.tokenizer = tokenizer;
    this.embeddingSettings = source.embedding();
    this.lease = new Lease("model " + name, freeing(lanes, passes, head, encoder, backend));
    this.view = false;
  }

  private Model(Model resident, Encoder encoder) {
    this.name = resident.name;
    this.location = resident.location;
    this.backend = resident.backend;
    this.encoder = encoder;
    this.head = resident.head;
    this.headProblem = resident.headProblem;
    this.batchTokens = resident.batchTokens;
    this.lanes = resident.lanes;
    this.passes = resident.passes.over(encoder);
    this.tokenizer = resident.tokenizer;
    this.embeddingSettings = resident.embeddingSettings;
    this.lease = resident.lease;
    this.view = true;
  }

  /** {@link #load(String, ModelOptions)} with {@link ModelOptions#DEFAULT}. */
  public static Model load(String nameOrPath) {
    return load(nameOrPath, ModelOptions.DEFAULT);
  }

  /**
   * Loads a model.
   *
   * @param nameOrPath a Hugging Face directory, an ONNX file, a TensorFlow checkpoint, a jar that
   *     holds one of the latter, or a short name such as {@code all-minilm-l6-v2} (which needs
   *     espalier-hub on the classpath)
   * @throws dev.espalier.EspalierException a subclass says whether the model was not found, is
   *     damaged, asks for what is not implemented, or the backend is missing
   */
  public static Model load(String nameOrPath, ModelOptions options) {
    try (ModelSource source = Models.open(nameOrPath)) {
      return load(source, options);
    }
  }

  /**
   * Loads an opened model, which stays open and may be closed afterwards. Where the backend is
   * {@code auto} and the GPU cannot take the model, it is loaded on the processor, with a warning.
   */
  public static Model load(ModelSource source, ModelOptions options) {
    Backend backend =
        Backends.create(
            options.backend(), options.instructionSet(), options.threads(), options.dtype());
    boolean mayChange = options.backend().equals("auto") && backend instanceof CudaBackend;
    try {
      return load(source, backend, options);
    } catch (BackendUnavailableException | DeviceOutOfMemoryException | DeviceLostException e) {
      if (!mayChange) {
        throw e;
      }
      Backends.sayWhyNotOnGpu(e);
      return load(source, options.withBackend("cpu"));
    }
  }

  /** Closes the backend if it fails. */
  private static Model load(ModelSource source, Backend backend, ModelOptions options) {
    CompletableFuture<Optional<WordPieceTokenizer>> tokenizer = startTokenizer(source);
    Encoder encoder = null;
    PackedHead head = null;
    try {
      encoder =
          options.dtype().isPresent()
              ? EncoderPacker.pack(source, backend, options.dtype().get())
              : EncoderPacker.pack(source, backend);
      head = PackedHead.of(source, backend, options.dtype());
      return new Model(source, backend, encoder, head, result(tokenizer), options.batchTokens());
    } catch (RuntimeException | Error e) {
      if (head != null) {
        head.close();
      }
      if (encoder != null) {
        encoder.close();
      }
      backend.close();
      throw e;
    }
  }

  /** Reads the tokenizer while the weights are packed: the two share nothing. */
  private static CompletableFuture<Optional<WordPieceTokenizer>> startTokenizer(
      ModelSource source) {
    return CompletableFuture.supplyAsync(
        () -> source.tokenizer().map(WordPieceTokenizer::load),
        task -> new Thread(task, "espalier-tokenizer").start());
  }

  private static <T> T result(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException problem) {
        throw problem;
      }
      if (e.getCause() instanceof Error problem) {
        throw problem;
      }
      throw e;
    }
  }

  /**
   * This model under a head mask: the same weights in memory, so that many masks, one a task, share
   * one model. Heads whose factor is 0 are not computed. The view lives as long as this model;
   * closing the view does nothing.
   *
   * @param mask [layers, original heads]; replaces the mask that this model may have
   * @throws dev.espalier.InvalidInputException if its shape differs from that
   * @throws IllegalStateException if the model is closed
   */
  public Model withHeadMask(HeadMask mask) {
    try (Lease.Use use = use()) {
      return new Model(this, encoder.withHeadMask(mask));
    }
  }

  /** A task head, or why there is none. */
  private record PackedHead(Optional<TaskHead> head, Optional<ModelFormatException> problem) {
    /** A damaged head does not keep an encoder from being used without it. */
    static PackedHead of(ModelSource source, Backend backend, Optional<DType> dtype) {
      try {
        return new PackedHead(TaskHeadPacker.pack(source, backend, dtype), Optional.empty());
      } catch (ModelFormatException e) {
        return new PackedHead(Optional.empty(), Optional.of(e));
      }
    }

    void close() {
      head.ifPresent(TaskHead::close);
    }
  }

  /** What it was asked for by. */
  public String name() {
    return name;
  }

  /** Where it was found. */
  public String location() {
    return location;
  }

  public ModelConfig config() {
    return encoder.config();
  }

  /** One line on what computes, e.g. {@code cpu (avx512-vnni, 2 threads)}. */
  public String backend() {
    return backend.description();
  }

  /** The token budget of one forward pass. */
  public int batchTokens() {
    return batchTokens;
  }

  /**
   * @throws ModelFormatException if the model came without one
   */
  public WordPieceTokenizer tokenizer() {
    return tokenizer.orElseThrow(
        () ->
            new ModelFormatException(
                location
                    + ": no tokenizer.json and no vocab.txt beside the weights; put one there"));
  }

  /** Pooling, normalisation and maximum length, where the model or its short name tells them. */
  public Optional<EmbeddingSettings> embeddingSettings() {
    return embeddingSettings;
  }

  /** Bytes of the weights as packed. */
  public long weightBytes() {
    try (Lease.Use use = use()) {
      return encoder.bytes() + head.map(TaskHead::bytes).orElse(0L);
    }
  }

  /**
   * Where the forward pass ends that begins with text {@code first}: as many texts as fit the token
   * budget, at least one.
   */
  int batchEnd(EncodedBatch encoded, int first) {
    int end = first + 1;
    while (end < encoded.size()
        && encoded.offsets()[end + 1] - encoded.offsets()[first] <= batchTokens) {
      end++;
    }
    return end;
  }

  /** Tokens of one forward pass where as many wait: no more than make it cheaper by the token. */
  int efficientTokens() {
    return Math.min(batchTokens, backend.efficientTokens());
  }

  /** Threads that compute at any time. */
  int threads() {
    return backend.lanes();
  }

  /** Keeps the model open until the use is closed. */
  Lease.Use use() {
    return lease.use();
  }

  /** The encoder; only inside a {@link #use}. */
  Encoder encoder() {
    return encoder;
  }

  /** Its workspaces; only inside a {@link #use}. */
  Lanes lanes() {
    return lanes;
  }

  /**
   * The head of one of these tasks.
   *
   * @throws UnsupportedModelException if the model is for something else
   * @throws ModelFormatException if its head is missing from the weights or damaged
   */
  TaskHead head(Task... tasks) {
    Task task = config().task();
    if (!List.of(tasks).contains(task)) {
      throw new UnsupportedModelException(
          location
              + ": config.json lists the architectures "
              + config().architectures()
              + "; needed is "
              + Arrays.stream(tasks).map(Task::architecture).collect(Collectors.joining(" or ")));
    }
    if (headProblem.isPresent()) {
      throw new ModelFormatException(headProblem.get().getMessage(), headProblem.get());
    }
    return head.orElseThrow();
  }

  /** The forward passes that end in the head's logits; only inside a {@link #use}. */
  HeadPasses passes() {
    return passes;
  }

  public boolean isClosed() {
    return lease.isClosed();
  }

  /**
   * Frees the model, after the calls that are under way. Does nothing the second time, and nothing
   * on a view of another model.
   */
  @Override
  public void close() {
    if (!view) {
      lease.close();
    }
  }

  /** What frees a model without referring to it, so that a forgotten one can be found. */
  private static Runnable freeing(
      Lanes lanes, HeadPasses passes, Optional<TaskHead> head, Encoder encoder, Backend backend) {
    return () -> {
      lanes.close();
      passes.close();
      head.ifPresent(TaskHead::close);
      encoder.close();
      backend.close();
    };
  }
}
