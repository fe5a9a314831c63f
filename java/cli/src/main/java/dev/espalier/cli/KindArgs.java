package dev.espalier.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.backend.Backend;
import dev.espalier.backend.ZeroBlocks;
import dev.espalier.compress.Evaluation;
import dev.espalier.compress.prune.AverageAttention;
import dev.espalier.compress.prune.BlockModel;
import dev.espalier.compress.prune.KindModel;
import dev.espalier.compress.prune.LowRankModel;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.HeadKind;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Heads and linears of other kinds: options that say which become what. */
final class KindArgs {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--head-kinds",
      paramLabel = "JSON",
      description =
          "What heads attend to instead, by layer and head: '{\"0\":{\"1\":\"previous\"}}'. Kinds"
              + " are previous, next, same, first, window:N (the mean of the tokens at most N"
              + " away), top-k:N (the N highest scores) and constant (averaged over --average).")
  private String headKinds;

  @Option(
      names = "--average",
      paramLabel = "FILE",
      description =
          "Texts, one a line, whose average attention constant heads get; no text may be longer"
              + " later than the longest one here.")
  private Path average;

  @Option(
      names = "--low-rank",
      paramLabel = "N|JSON",
      description =
          "Write every linear of the encoder, or those that JSON names"
              + " ('{\"intermediate.dense\":96}'), in two factors of this rank.")
  private String lowRank;

  @Option(
      names = "--block-density",
      paramLabel = "SHARE",
      description =
          "Set blocks of 16 x 16 of every linear to zero, those of smallest norm, and keep this"
              + " share of them; zeros of whole blocks are not computed on the CPU.")
  private Double blockDensity;

  boolean isGiven() {
    return headKinds != null || lowRank != null || blockDensity != null || average != null;
  }

  boolean changesHeads() {
    return headKinds != null;
  }

  /** Whether parts of matrices are set to zero, which counting arithmetic does not see. */
  boolean zeroesBlocks() {
    return blockDensity != null;
  }

  /** Checks what belongs together, as usage. */
  void check() {
    require(
        lowRank == null || blockDensity == null,
        "--low-rank and --block-density do not go together: a linear is one or the other");
    require(
        blockDensity == null || blockDensity > 0 && blockDensity <= 1,
        "--block-density must be above 0 and at most 1, got " + blockDensity);
    if (headKinds != null) {
      require(
          kinds().values().stream().anyMatch(KindArgs::hasConstant) == (average != null),
          "--average goes with constant heads in --head-kinds, and they with it");
    } else {
      require(average == null, "--average goes with constant heads in --head-kinds");
    }
    if (lowRank != null) {
      ranks();
    }
  }

  private static boolean hasConstant(Map<Integer, HeadKind> layer) {
    return layer.values().stream().anyMatch(k -> k.type() == HeadKind.Type.CONSTANT);
  }

  /** The model with those kinds. */
  ModelSource over(ModelSource source, BackendArgs backend, Console console) {
    ModelSource made = source;
    if (headKinds != null) {
      List<ConstantAttention> averages =
          average == null ? List.of() : averages(source, backend, console);
      made = KindModel.of(made, kinds(), averages);
    }
    if (lowRank != null) {
      made = LowRankModel.of(made, ranks());
    }
    if (blockDensity != null) {
      made = BlockModel.of(made, blockDensity, ZeroBlocks.SIZE);
    }
    return made;
  }

  private List<ConstantAttention> averages(
      ModelSource source, BackendArgs backend, Console console) {
    try (Backend made = backend.create(console)) {
      return AverageAttention.of(source, Evaluation.texts(average), made);
    }
  }

  private SortedMap<Integer, Map<Integer, HeadKind>> kinds() {
    JsonOption option = new JsonOption(command, "--head-kinds");
    SortedMap<Integer, Map<Integer, HeadKind>> kinds = new TreeMap<>();
    for (Map.Entry<String, JsonNode> layer : option.entries(headKinds, "{..}")) {
      String place = "layer " + layer.getKey() + ": ";
      option.require(layer.getValue().isObject(), place + "expected {\"head\":\"kind\"}");
      Map<Integer, HeadKind> heads = new HashMap<>();
      for (Map.Entry<String, JsonNode> head : layer.getValue().properties()) {
        try {
          heads.put(option.index("head", head.getKey()), HeadKind.parse(head.getValue().asText()));
        } catch (IllegalArgumentException e) {
          option.require(false, place + e.getMessage());
        }
      }
      kinds.put(option.index("layer", layer.getKey()), heads);
    }
    return kinds;
  }

  private SortedMap<String, Integer> ranks() {
    SortedMap<String, Integer> ranks = new TreeMap<>();
    if (lowRank.matches("[0-9]{1,6}")) {
      LayerShape.LINEARS.forEach(l -> ranks.put(l, Integer.parseInt(lowRank)));
      return ranks;
    }
    JsonOption option = new JsonOption(command, "--low-rank");
    for (Map.Entry<String, JsonNode> rank : option.entries(lowRank, "{..}")) {
      option.require(
          LayerShape.LINEARS.contains(rank.getKey()),
          "no linear is called \"" + rank.getKey() + "\"; there are " + LayerShape.LINEARS);
      option.require(
          rank.getValue().isInt() && rank.getValue().intValue() > 0,
          rank.getKey() + ": " + rank.getValue() + " is no rank");
      ranks.put(rank.getKey(), rank.getValue().intValue());
    }
    return ranks;
  }

  private void require(boolean holds, String message) {
    if (!holds) {
      throw new ParameterException(command.commandLine(), message);
    }
  }
}
