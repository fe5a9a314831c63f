package dev.espalier.model;

import dev.espalier.format.JsonText;
import dev.espalier.tensor.HeadLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;

/**
 * The part of {@code config.json} that decides what a BERT encoder computes.
 *
 * @param architectures as the file lists them, e.g. {@code BertModel}; may be empty
 * @param vocabSize rows of the word embeddings
 * @param hiddenSize columns of every hidden state
 * @param layers number of encoder layers
 * @param heads original number of attention heads of every layer, before pruning
 * @param intermediateSize columns inside the feed-forward part
 * @param activation of the feed-forward part
 * @param maxPositions rows of the position embeddings: the longest sequence
 * @param typeVocabSize rows of the token type embeddings
 * @param layerNormEps added to the variance in every LayerNorm
 * @param prunedHeads layer index to the original indices of the heads that were removed; layers
 *     without are absent
 * @param shapes what each layer has, where that differs from layer to layer in more than {@code
 *     prunedHeads} can say (docs/FORMAT.md); else empty
 * @param labels class names by id, from {@code id2label}; empty if the file names none
 * @param problemType {@code problem_type} as the file has it, or null
 * @param tieWordEmbeddings whether the masked language model's decoder is the word table itself
 * @param otherFields fields that decide nothing here, such as {@code pad_token_id}, with their JSON
 *     text; {@link ModelWriter} passes them on
 */
public record ModelConfig(
    List<String> architectures,
    int vocabSize,
    int hiddenSize,
    int layers,
    int heads,
    int intermediateSize,
    Activation activation,
    int maxPositions,
    int typeVocabSize,
    double layerNormEps,
    SortedMap<Integer, SortedSet<Integer>> prunedHeads,
    List<LayerShape> shapes,
    Map<Integer, String> labels,
    String problemType,
    boolean tieWordEmbeddings,
    Map<String, String> otherFields) {

  /** A configuration without other fields. */
  public ModelConfig(
      List<String> architectures,
      int vocabSize,
      int hiddenSize,
      int layers,
      int heads,
      int intermediateSize,
      Activation activation,
      int maxPositions,
      int typeVocabSize,
      double layerNormEps,
      SortedMap<Integer, SortedSet<Integer>> prunedHeads,
      List<LayerShape> shapes,
      Map<Integer, String> labels,
      String problemType,
      boolean tieWordEmbeddings) {
    this(
        architectures,
        vocabSize,
        hiddenSize,
        layers,
        heads,
        intermediateSize,
        activation,
        maxPositions,
        typeVocabSize,
        layerNormEps,
        prunedHeads,
        shapes,
        labels,
        problemType,
        tieWordEmbeddings,
        Map.of());
  }

  /**
   * Reads {@code config.json}.
   *
   * @throws dev.espalier.ModelFormatException if the file is missing, damaged or contradicts itself
   * @throws dev.espalier.UnsupportedModelException if a field asks for mathematics that is not
   *     implemented
   */
  public static ModelConfig read(Path file) {
    return ConfigReader.read(JsonText.readObject(file));
  }

  /** The same model with layers of these shapes, which say which heads are left. */
  public ModelConfig withShapes(List<LayerShape> layerShapes) {
    return new ModelConfig(
        architectures,
        vocabSize,
        hiddenSize,
        layers,
        heads,
        intermediateSize,
        activation,
        maxPositions,
        typeVocabSize,
        layerNormEps,
        Collections.emptySortedMap(),
        layerShapes,
        labels,
        problemType,
        tieWordEmbeddings,
        otherFields);
  }

  /** What layer {@code layer} has: heads and their widths, and columns of its feed-forward part. */
  public LayerShape shape(int layer) {
    if (!shapes.isEmpty()) {
      return shapes.get(layer);
    }
    SortedSet<Integer> pruned = prunedHeads.getOrDefault(layer, Collections.emptySortedSet());
    List<HeadLayout.Head> left = new ArrayList<>();
    for (int head = 0; head < heads; head++) {
      if (!pruned.contains(head)) {
        left.add(new HeadLayout.Head(head, headSize(), headSize(), attentionScale()));
      }
    }
    return new LayerShape(new HeadLayout(left), intermediateSize);
  }

  /** What scores are multiplied by before the softmax, also in a head that was sliced. */
  public float attentionScale() {
    return (float) (1 / Math.sqrt(headSize()));
  }

  /** The first of the architectures that is a task; {@link Task#NONE} if none is. */
  public Task task() {
    return architectures.stream()
        .map(Task::ofArchitecture)
        .filter(t -> t != Task.NONE)
        .findFirst()
        .orElse(Task.NONE);
  }

  /**
   * The name of class {@code id}: from {@code id2label}, or {@code LABEL_id} as transformers has
   * it.
   */
  public String label(int id) {
    return labels.getOrDefault(id, "LABEL_" + id);
  }

  /** The number of heads that layer {@code layer} still has. */
  public int headsLeft(int layer) {
    return shape(layer).heads().heads().size();
  }

  /** Width of one unpruned head: {@code hiddenSize / heads}. */
  public int headSize() {
    return hiddenSize / heads;
  }
}
