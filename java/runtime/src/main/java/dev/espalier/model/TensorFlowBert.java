package dev.espalier.model;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.JsonFields;
import dev.espalier.format.TensorBundle;
import dev.espalier.format.TensorFlowCheckpoint;
import dev.espalier.format.TensorFlowCheckpoint.Weight;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * A BERT in the variables of a TensorFlow checkpoint: its tensors under their canonical names, and
 * what their shapes say of its configuration.
 */
final class TensorFlowBert {
  /** The width of a head in every BERT that Google published. */
  private static final int HEAD_SIZE = 64;

  private final TensorBundle bundle;
  private final TensorFlowCheckpoint weights;

  private TensorFlowBert(TensorBundle bundle) {
    this.bundle = bundle;
    Map<String, Weight> found = new LinkedHashMap<>();
    for (String variable : bundle.names()) {
      TensorFlowNames.tensor(variable)
          .ifPresent(
              tensor -> {
                Weight other = found.put(tensor.name(), tensor.weight());
                if (other != null) {
                  throw new ModelFormatException(
                      bundle.label()
                          + ": variables "
                          + other.variable()
                          + " and "
                          + variable
                          + " both stand for "
                          + tensor.name());
                }
              });
    }
    checkIsBert(found);
    this.weights = new TensorFlowCheckpoint(bundle, found);
  }

  /**
   * @throws ModelFormatException if the variables are not those of a BERT
   */
  static TensorFlowBert in(TensorBundle bundle) {
    return new TensorFlowBert(bundle);
  }

  private void checkIsBert(Map<String, Weight> found) {
    if (found.containsKey(EncoderTensors.WORD_EMBEDDINGS)) {
      return;
    }
    for (String variable : bundle.names()) {
      if (variable.endsWith("/.ATTRIBUTES/VARIABLE_VALUE")) {
        throw new UnsupportedModelException(
            bundle.label()
                + ": is an object checkpoint of TensorFlow 2 (variable "
                + variable
                + "); only the named variables of google-research/bert are implemented");
      }
    }
    throw new ModelFormatException(
        bundle.label()
            + ": has no variable bert/embeddings/word_embeddings among its "
            + bundle.names().size()
            + ", expected a checkpoint of google-research/bert");
  }

  TensorFlowCheckpoint weights() {
    return weights;
  }

  /** What {@code bert_config.json} says, and the architecture that the variables show. */
  ModelConfig config(JsonFields json) {
    ObjectNode fields = JsonNodeFactory.instance.objectNode();
    json.names().forEachRemaining(name -> fields.set(name, json.raw(name)));
    return read(json.label(), fields);
  }

  /**
   * A configuration from the shapes of the variables; the rest is as Google trained its models.
   *
   * @param heads a layer; where unknown, heads of 64 columns
   */
  ModelConfig inferredConfig(OptionalInt heads) {
    List<Integer> words = matrix(EncoderTensors.WORD_EMBEDDINGS);
    int hidden = words.get(1);
    if (heads.isEmpty() && (hidden == 0 || hidden % HEAD_SIZE != 0)) {
      throw new ModelFormatException(
          bundle.label()
              + ": has no bert_config.json beside it, and hidden size "
              + hidden
              + " is not a multiple of "
              + HEAD_SIZE
              + "; put one there, or give the heads with OpenOptions.withHeads");
    }
    int layers = 0;
    while (weights.contains(EncoderTensors.layer(layers) + ".output.dense.weight")) {
      layers++;
    }
    ObjectNode fields = JsonNodeFactory.instance.objectNode();
    fields.put("vocab_size", words.get(0));
    fields.put("hidden_size", hidden);
    fields.put("num_hidden_layers", layers);
    fields.put("num_attention_heads", heads.orElse(hidden / HEAD_SIZE));
    fields.put("intermediate_size", matrix("encoder.layer.0.intermediate.dense.weight").get(0));
    fields.put("max_position_embeddings", matrix(EncoderTensors.POSITION_EMBEDDINGS).get(0));
    fields.put("type_vocab_size", matrix(EncoderTensors.TYPE_EMBEDDINGS).get(0));
    // The graphs in circulation approximate gelu by tanh, the models were trained with erf:
    // google-research/bert, commit 88a817c; transformers reads them so, too.
    fields.put("hidden_act", "gelu");
    fields.put("layer_norm_eps", 1e-12);
    return read(bundle.label() + ": configuration from its shapes", fields);
  }

  private List<Integer> matrix(String name) {
    List<Integer> shape = weights.info(name).shape();
    if (shape.size() != 2) {
      throw new ModelFormatException(
          bundle.label() + ": tensor " + name + ": shape " + shape + ", expected a matrix");
    }
    return shape;
  }

  private ModelConfig read(String label, ObjectNode fields) {
    if (!fields.hasNonNull("model_type")) {
      fields.put("model_type", "bert");
    }
    if (!fields.hasNonNull("architectures")) {
      fields.putArray("architectures").add(architecture());
    }
    return ConfigReader.read(JsonFields.of(label, fields));
  }

  private String architecture() {
    if (weights.contains("qa_outputs.weight")) {
      return "BertForQuestionAnswering";
    }
    if (weights.contains("classifier.weight")) {
      return "BertForSequenceClassification";
    }
    if (!weights.contains("cls.predictions.bias")) {
      return "BertModel";
    }
    return weights.contains("cls.seq_relationship.weight")
        ? "BertForPreTraining"
        : "BertForMaskedLM";
  }
}
