package dev.espalier.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.compress.prune.ColumnScores;
import dev.espalier.compress.prune.Cut;
import dev.espalier.model.ModelSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A cut by hand: options that name what goes. Indices are the original ones, from 0. */
final class ExactCut {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--heads",
      paramLabel = "JSON",
      description = "Heads to remove, by layer: '{\"0\":[1,2],\"3\":[0]}'.")
  private String heads;

  @Option(
      names = "--layers-drop",
      paramLabel = "LIST",
      split = ",",
      description = "Layers to remove whole: 4,5.")
  private List<Integer> layersDrop = new ArrayList<>();

  @Option(
      names = "--ffn-keep",
      paramLabel = "N",
      description = "Keep the N most important feed-forward columns of each layer.")
  private Integer ffnKeep;

  @Option(
      names = "--ffn",
      paramLabel = "JSON",
      description = "Feed-forward columns to keep, by layer: '{\"0\":[0,1,5]}'.")
  private String ffn;

  boolean isGiven() {
    return heads != null || !layersDrop.isEmpty() || ffnKeep != null || ffn != null;
  }

  boolean dropsLayers() {
    return !layersDrop.isEmpty();
  }

  /** What stays of a model. */
  Cut of(ModelSource source) {
    Cut cut = Cut.nothing(source.config());
    if (heads != null) {
      cut = cut.withoutHeads(lists("--heads", heads));
    }
    if (ffnKeep != null) {
      cut = cut.withColumns(mostImportant(source));
    }
    if (ffn != null) {
      cut = cut.withColumns(lists("--ffn", ffn));
    }
    return layersDrop.isEmpty() ? cut : cut.withoutLayers(layersDrop);
  }

  private SortedMap<Integer, List<Integer>> mostImportant(ModelSource source) {
    int least = source.config().intermediateSize();
    for (int l = 0; l < source.config().layers(); l++) {
      least = Math.min(least, source.config().shape(l).intermediateSize());
    }
    require(
        ffnKeep >= 0 && ffnKeep <= least,
        "--ffn-keep " + ffnKeep + " is not in 0 to " + least + ", the columns that a layer has");
    SortedMap<Integer, List<Integer>> kept = new TreeMap<>();
    double[][] scores = ColumnScores.ofWeights(source);
    for (int l = 0; l < scores.length; l++) {
      kept.put(l, ColumnScores.ranked(scores[l]).subList(0, ffnKeep));
    }
    return kept;
  }

  private SortedMap<Integer, List<Integer>> lists(String name, String text) {
    JsonOption option = new JsonOption(command, name);
    SortedMap<Integer, List<Integer>> lists = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : option.entries(text, "{\"layer\":[..]}")) {
      int layer = option.index("layer", entry.getKey());
      List<Integer> list = new ArrayList<>();
      option.require(entry.getValue().isArray(), "layer " + layer + " has no array");
      for (JsonNode n : entry.getValue()) {
        option.require(
            n.isIntegralNumber() && n.canConvertToInt() && n.intValue() >= 0,
            "layer " + layer + ": " + n + " is not an index");
        list.add(n.intValue());
      }
      lists.put(layer, list);
    }
    return lists;
  }

  private void require(boolean holds, String message) {
    if (!holds) {
      throw new ParameterException(command.commandLine(), message);
    }
  }
}
