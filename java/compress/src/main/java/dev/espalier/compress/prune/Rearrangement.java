package dev.espalier.compress.prune;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;

/**
 * Exchanges removed parts within each layer and kind, their number staying, so that the quadratic
 * form of the layer's block of the Fisher information falls: the mean over examples of the square
 * of the removed parts' summed gradient (Kwon et al. 2022, section 4.2 and algorithm 2). Greedy:
 * from the least important on, every part that stays is tried in the place of each removed one.
 */
final class Rearrangement {
  private Rearrangement() {}

  static BitSet of(MaskGradients g, List<Part> parts, BitSet removed) {
    BitSet result = (BitSet) removed.clone();
    int layers = parts.stream().mapToInt(p -> p.layer() + 1).max().orElse(0);
    for (int l = 0; l < layers; l++) {
      for (boolean head : new boolean[] {true, false}) {
        List<Integer> group = new ArrayList<>();
        for (int p = 0; p < parts.size(); p++) {
          if (parts.get(p).layer() == l && parts.get(p).isHead() == head) {
            group.add(p);
          }
        }
        exchange(g, parts, group, result);
      }
    }
    return result;
  }

  private static void exchange(
      MaskGradients g, List<Part> parts, List<Integer> group, BitSet removed) {
    int gone = (int) group.stream().filter(removed::get).count();
    if (gone == 0 || gone == group.size()) {
      return;
    }
    int examples = g.examples();
    double[][] gradients = new double[group.size()][examples];
    double[] squares = new double[group.size()];
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < gradients.length; i++) {
      for (int e = 0; e < examples; e++) {
        gradients[i][e] = g.part(e, parts.get(group.get(i)));
        squares[i] += gradients[i][e] * gradients[i][e];
      }
      order.add(i);
    }
    order.sort(Comparator.comparingDouble((Integer i) -> squares[i]).thenComparing(i -> i));
    List<Integer> out = new ArrayList<>(order.subList(0, gone));
    double[] sum = new double[examples];
    out.forEach(i -> add(sum, gradients[i], 1));
    for (int i : order.subList(gone, order.size())) {
      out.add(i);
      add(sum, gradients[i], 1);
      int back = 0;
      double least = Double.POSITIVE_INFINITY;
      for (int k = 0; k < out.size(); k++) {
        // |sum - gradient|^2 without the term that all have
        int candidate = out.get(k);
        double rest = squares[candidate] - 2 * dot(sum, gradients[candidate]);
        if (rest < least) {
          least = rest;
          back = k;
        }
      }
      add(sum, gradients[out.get(back)], -1);
      out.remove(back);
    }
    group.forEach(removed::clear);
    out.forEach(i -> removed.set(group.get(i)));
  }

  private static void add(double[] sum, double[] gradient, double factor) {
    for (int e = 0; e < sum.length; e++) {
      sum[e] += factor * gradient[e];
    }
  }

  private static double dot(double[] a, double[] b) {
    double even = 0;
    double odd = 0;
    int e = 0;
    for (; e + 1 < a.length; e += 2) {
      even += a[e] * b[e];
      odd += a[e + 1] * b[e + 1];
    }
    return even + odd + (e < a.length ? a[e] * b[e] : 0);
  }
}
