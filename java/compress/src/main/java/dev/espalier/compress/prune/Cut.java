package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.tensor.HeadLayout;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * What stays of a model when parts of it are cut away: layers, heads, columns of heads, columns of
 * feed-forward parts. Layers and columns are counted as in the source, heads as in the unpruned
 * model, all from 0. Immutable.
 *
 * @param layers those that stay, in their order
 */
public record Cut(List<LayerCut> layers) {
  public Cut {
    layers = List.copyOf(layers);
  }

  /** Nothing is cut. */
  public static Cut nothing(ModelConfig config) {
    List<LayerCut> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      LayerShape shape = config.shape(l);
      List<HeadCut> heads = new ArrayList<>();
      for (HeadLayout.Head h : shape.heads().heads()) {
        heads.add(new HeadCut(h.index(), upTo(h.qkWidth()), upTo(h.vWidth()), 1));
      }
      layers.add(new LayerCut(l, heads, upTo(shape.intermediateSize()), List.of()));
    }
    return new Cut(layers);
  }

  private static List<Integer> upTo(int n) {
    return IntStream.range(0, n).boxed().toList();
  }

  /**
   * Without some heads.
   *
   * @param heads layer to heads that go
   * @throws InvalidInputException if the model has no such layer or head
   */
  public Cut withoutHeads(Map<Integer, ? extends Collection<Integer>> heads) {
    List<LayerCut> result = new ArrayList<>(layers);
    heads.forEach(
        (layer, gone) -> {
          int at = place(layer);
          List<HeadCut> left = new ArrayList<>(layers.get(at).heads());
          for (int head : gone) {
            if (!left.removeIf(h -> h.index() == head)) {
              throw new InvalidInputException(
                  "layer "
                      + layer
                      + " has no head "
                      + head
                      + "; it has "
                      + layers.get(at).heads().stream().map(HeadCut::index).toList());
            }
          }
          result.set(at, layers.get(at).withHeads(left));
        });
    return new Cut(result);
  }

  /**
   * Without some layers.
   *
   * @throws InvalidInputException if the model has no such layer, or none would be left
   */
  public Cut withoutLayers(Collection<Integer> gone) {
    gone.forEach(this::place);
    List<LayerCut> left = layers.stream().filter(l -> !gone.contains(l.layer())).toList();
    if (left.isEmpty()) {
      throw new InvalidInputException(
          "all " + layers.size() + " layers would be dropped; keep at least one");
    }
    return new Cut(left);
  }

  /**
   * With some columns of feed-forward parts only.
   *
   * @param columns layer to the columns that stay; other layers keep all of theirs
   * @throws InvalidInputException if the model has no such layer or column, or one is named twice
   */
  public Cut withColumns(Map<Integer, ? extends Collection<Integer>> columns) {
    List<LayerCut> result = new ArrayList<>(layers);
    columns.forEach(
        (layer, kept) -> {
          int at = place(layer);
          Set<Integer> there = new TreeSet<>(layers.get(at).columns());
          SortedSet<Integer> stay = new TreeSet<>();
          for (int c : kept) {
            if (!there.contains(c)) {
              throw new InvalidInputException(
                  "layer "
                      + layer
                      + " has no feed-forward column "
                      + c
                      + "; it has "
                      + there.size()
                      + " of them, counted from 0");
            }
            if (!stay.add(c)) {
              throw new InvalidInputException(
                  "layer " + layer + ": feed-forward column " + c + " is named twice");
            }
          }
          result.set(at, layers.get(at).withColumns(List.copyOf(stay), List.of()));
        });
    return new Cut(result);
  }

  /**
   * The same parts with factors.
   *
   * @param heads by layer and original index, for those that stay
   * @param columns by layer and column, likewise
   */
  Cut withFactors(double[][] heads, double[][] columns) {
    return new Cut(
        layers.stream()
            .map(
                l ->
                    l.withHeads(
                            l.heads().stream()
                                .map(h -> h.withFactor((float) heads[l.layer()][h.index()]))
                                .toList())
                        .withColumns(
                            l.columns(),
                            l.columns().stream().map(c -> (float) columns[l.layer()][c]).toList()))
            .toList());
  }

  private int place(int layer) {
    for (int at = 0; at < layers.size(); at++) {
      if (layers.get(at).layer() == layer) {
        return at;
      }
    }
    throw new InvalidInputException(
        "there is no layer "
            + layer
            + "; the model has "
            + layers.stream().map(LayerCut::layer).toList());
  }

  /** The configuration of what is left of a model of configuration {@code source}. */
  public ModelConfig config(ModelConfig source) {
    List<LayerShape> shapes = layers.stream().map(l -> shape(source, l)).toList();
    boolean plain = isPlain(source, shapes);
    return new ModelConfig(
        source.architectures(),
        source.vocabSize(),
        source.hiddenSize(),
        layers.size(),
        source.heads(),
        plain ? shapes.get(0).intermediateSize() : source.intermediateSize(),
        source.activation(),
        source.maxPositions(),
        source.typeVocabSize(),
        source.layerNormEps(),
        plain ? prunedHeads(source, shapes) : Collections.emptySortedMap(),
        plain ? List.of() : shapes,
        source.labels(),
        source.problemType(),
        source.tieWordEmbeddings(),
        source.otherFields());
  }

  private static LayerShape shape(ModelConfig source, LayerCut layer) {
    float scale = source.attentionScale();
    return new LayerShape(
        new HeadLayout(
            layer.heads().stream()
                .map(
                    h ->
                        new HeadLayout.Head(
                            h.index(), h.queryKey().size(), h.value().size(), scale))
                .toList()),
        layer.columns().size());
  }

  /**
   * Whether transformers can express these layers: whole heads, at least one a layer, and
   * feed-forward parts of one width.
   */
  private static boolean isPlain(ModelConfig source, List<LayerShape> shapes) {
    int inner = shapes.get(0).intermediateSize();
    return inner > 0
        && shapes.stream()
            .allMatch(
                s ->
                    s.intermediateSize() == inner
                        && !s.heads().heads().isEmpty()
                        && s.heads().heads().stream()
                            .allMatch(
                                h ->
                                    h.qkWidth() == source.headSize()
                                        && h.vWidth() == source.headSize()));
  }

  private static SortedMap<Integer, SortedSet<Integer>> prunedHeads(
      ModelConfig source, List<LayerShape> shapes) {
    SortedMap<Integer, SortedSet<Integer>> pruned = new TreeMap<>();
    for (int l = 0; l < shapes.size(); l++) {
      SortedSet<Integer> gone = new TreeSet<>(upTo(source.heads()));
      shapes.get(l).heads().heads().forEach(h -> gone.remove(h.index()));
      if (!gone.isEmpty()) {
        pruned.put(l, Collections.unmodifiableSortedSet(gone));
      }
    }
    return Collections.unmodifiableSortedMap(pruned);
  }
}
