package dev.espalier.text;

import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.model.TokenizerFiles;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * BERT's WordPiece tokenizer, equal to Hugging Face tokenizers 0.23 on any text: ids, types,
 * offsets, word indices, truncation and windows. Immutable and thread-safe.
 *
 * <p>A Java string may hold unpaired surrogates, which no UTF-8 text can; each counts as one
 * U+FFFD, so that cleaning removes it, and offsets of the rest stay those of the string as given.
 *
 * <p>One difference: a maximum length below the number of special tokens is refused here; there it
 * means no limit.
 */
public final class WordPieceTokenizer {
  private final TokenizerSpec spec;
  private final Vocabulary vocabulary;
  private final Pipeline pipeline;
  private final ConcurrentLinkedQueue<Scanner> idle = new ConcurrentLinkedQueue<>();

  private WordPieceTokenizer(TokenizerSpec spec) {
    this.spec = spec;
    vocabulary = spec.vocabulary().with(spec.added(), spec.source());
    for (List<Template.Piece> pieces : List.of(spec.template().single(), spec.template().pair())) {
      for (Template.Piece piece : pieces) {
        for (int id : piece.ids()) {
          checkSpecial(id);
        }
      }
    }
    PieceModel model =
        new PieceModel(spec.vocabulary(), spec.unknownToken(), spec.prefix(), spec.maxWordLength());
    pipeline = new Pipeline(model, spec.normalization(), spec.added(), spec.source());
  }

  private void checkSpecial(int id) {
    try {
      vocabulary.token(id);
    } catch (InvalidInputException e) {
      throw new ModelFormatException(
          spec.source() + ": post_processor puts in the id " + id + ", which no token has", e);
    }
  }

  /**
   * Reads a model's tokenizer: {@code tokenizer.json} if there is one, else {@code vocab.txt}; with
   * either, {@code tokenizer_config.json} if there is one.
   *
   * @throws ModelFormatException if a file is damaged or they contradict each other
   * @throws dev.espalier.UnsupportedModelException if a part that changes results is not
   *     implemented
   */
  public static WordPieceTokenizer load(TokenizerFiles files) {
    String place = files.source() + ": ";
    TokenizerSettings settings =
        new TokenizerSettings(
            files
                .tokenizerConfig()
                .map(b -> JsonFile.parse(place + "tokenizer_config.json", b))
                .orElse(null));
    if (files.tokenizerJson().isPresent()) {
      String name = place + "tokenizer.json";
      TokenizerSpec spec =
          TokenizerJson.read(
              name, files.tokenizerJson().get(), settings.names(), settings.modelMaxLength());
      settings.checkAgainst(spec.normalization(), name);
      return new WordPieceTokenizer(spec);
    }
    if (files.vocab().isEmpty()) {
      throw new ModelFormatException(place + "neither tokenizer.json nor vocab.txt is there");
    }
    return new WordPieceTokenizer(
        VocabFile.read(place + "vocab.txt", files.vocab().get(), settings));
  }

  /**
   * A tokenizer from the bytes of a {@code vocab.txt}, with BERT's special tokens.
   *
   * @param source names it in messages
   */
  public static WordPieceTokenizer fromVocab(
      byte[] vocab, Normalization normalization, String source) {
    return fromVocab(VocabFile.parse(source, vocab), normalization, source);
  }

  /** A tokenizer from tokens in the order of their ids, with BERT's special tokens. */
  public static WordPieceTokenizer fromVocab(List<String> tokens, Normalization normalization) {
    Map<String, Integer> ids = new LinkedHashMap<>();
    for (String token : tokens) {
      ids.put(token, ids.size());
    }
    if (ids.size() != tokens.size()) {
      throw new ModelFormatException("vocabulary: a token comes twice among " + tokens.size());
    }
    return fromVocab(ids, normalization, "vocabulary");
  }

  private static WordPieceTokenizer fromVocab(
      Map<String, Integer> ids, Normalization normalization, String source) {
    return new WordPieceTokenizer(
        VocabFile.spec(source, ids, normalization, TokenizerSpec.SpecialNames.BERT, List.of(), 0));
  }

  /** Encodes one text with special tokens, uncut. */
  public Encoding encode(String text) {
    return encode(text, null, Truncation.NONE, true);
  }

  /** Encodes one text with special tokens. */
  public Encoding encode(String text, Truncation truncation) {
    return encode(text, null, truncation, true);
  }

  /**
   * Encodes a text or a pair.
   *
   * @param pair the second text, or null
   * @param specialTokens whether the model's special tokens are put in
   * @throws InvalidInputException if the text is null, or the truncation cannot be (see {@link
   *     TruncationException})
   */
  public Encoding encode(String text, String pair, Truncation truncation, boolean specialTokens) {
    requireText(text, "text");
    boolean hasPair = pair != null;
    int room = room(truncation, hasPair, specialTokens);
    Scanner scanner = take();
    try {
      boolean whole =
          hasPair
              || truncation.windows()
              || truncation.strategy() == Truncation.Strategy.ONLY_SECOND;
      scanner.scan(text, whole ? Integer.MAX_VALUE : room, true);
      Assembler.Scanned first = Assembler.Scanned.of(text, scanner.tokens);
      Assembler.Scanned[] texts = {first};
      if (hasPair) {
        scanner.scan(pair, Integer.MAX_VALUE, true);
        texts = new Assembler.Scanned[] {first, Assembler.Scanned.of(pair, scanner.tokens)};
      }
      Lengths kept =
          Lengths.fit(truncation, room, first.size(), hasPair ? texts[1].size() : 0, hasPair);
      return Assembler.assemble(spec.template(), texts, kept, truncation, specialTokens);
    } finally {
      give(scanner);
    }
  }

  /**
   * Encodes many texts with special tokens; what {@link #encode} gives for each, only faster, and
   * the same for any number of threads.
   *
   * @param maxLength most tokens of a text, special ones included; the rest of a longer text is not
   *     even read
   * @param threads threads to use at most, the caller's included
   * @param out cleared, then filled in the order of the texts
   */
  public void encodeBatch(List<String> texts, int maxLength, int threads, EncodedBatch out) {
    int room = room(Truncation.to(maxLength), false, true);
    encodeAll(
        texts,
        threads,
        out,
        (scanner, i, batch) -> {
          scanner.scan(texts.get(i), room, false);
          append(false, scanner.tokens.ids, scanner.tokens.size, null, 0, batch);
        });
  }

  /**
   * Encodes many pairs with special tokens; windows are not made.
   *
   * @param pairs the second texts, as many as the first
   * @see #encodeBatch(List, int, int, EncodedBatch)
   */
  public void encodeBatch(
      List<String> texts,
      List<String> pairs,
      Truncation truncation,
      int threads,
      EncodedBatch out) {
    if (texts.size() != pairs.size()) {
      throw new InvalidInputException(
          texts.size() + " first texts but " + pairs.size() + " second texts");
    }
    requireTexts(pairs, "second text");
    int room = room(truncation, true, true);
    encodeAll(
        texts,
        threads,
        out,
        (scanner, i, batch) -> {
          scanner.scan(texts.get(i), Integer.MAX_VALUE, false);
          int first = scanner.tokens.size;
          int[] ids = Arrays.copyOf(scanner.tokens.ids, first);
          scanner.scan(pairs.get(i), Integer.MAX_VALUE, false);
          Lengths kept = Lengths.fit(truncation, room, first, scanner.tokens.size, true);
          append(true, ids, kept.first(), scanner.tokens.ids, kept.second(), batch);
        });
  }

  private interface One {
    void encode(Scanner scanner, int index, EncodedBatch out);
  }

  private void encodeAll(List<String> texts, int threads, EncodedBatch out, One one) {
    requireTexts(texts, "text");
    if (threads < 1) {
      throw new InvalidInputException("threads " + threads + " must be at least 1");
    }
    out.clear();
    BatchEncoder.run(
        texts,
        threads,
        (from, to, part) -> {
          Scanner scanner = take();
          try {
            for (int i = from; i < to; i++) {
              one.encode(scanner, i, part);
            }
          } finally {
            give(scanner);
          }
        },
        out);
  }

  private void append(
      boolean hasPair, int[] first, int firstSize, int[] second, int secondSize, EncodedBatch out) {
    int written = 0;
    for (Template.Piece piece : spec.template().pieces(hasPair)) {
      int[] ids = piece.ids();
      int count = ids.length;
      if (piece.sequence() >= 0) {
        ids = piece.sequence() == 0 ? first : second;
        count = piece.sequence() == 0 ? firstSize : secondSize;
      }
      out.add(ids, count, piece.typeId(), written);
      written += count;
    }
    out.endText(written);
  }

  private int room(Truncation truncation, boolean hasPair, boolean specialTokens) {
    int addedSingle = spec.template().added(false);
    return Lengths.room(
        truncation, specialTokens ? spec.template().added(hasPair) : 0, addedSingle);
  }

  private static void requireText(String text, String what) {
    if (text == null) {
      throw new InvalidInputException(what + " is null");
    }
  }

  private static void requireTexts(List<String> texts, String what) {
    for (int i = 0; i < texts.size(); i++) {
      requireText(texts.get(i), what + " " + i);
    }
  }

  private Scanner take() {
    Scanner scanner = idle.poll();
    return scanner != null ? scanner : new Scanner(pipeline);
  }

  private void give(Scanner scanner) {
    if (!scanner.isBloated()) {
      idle.offer(scanner);
    }
  }

  /** All tokens, added ones included. */
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  /**
   * The token with an id.
   *
   * @throws InvalidInputException if there is none
   */
  public String token(int id) {
    return vocabulary.token(id);
  }

  /** The id of a token, or -1. */
  public int idOf(String token) {
    return vocabulary.idOf(token);
  }

  /** The id of {@code [CLS]}, whatever its name; -1 if there is none. The others are alike. */
  public int clsId() {
    return idOf(spec.names().cls());
  }

  public int sepId() {
    return idOf(spec.names().sep());
  }

  public int padId() {
    return idOf(spec.names().pad());
  }

  public int unkId() {
    return idOf(spec.names().unk());
  }

  public int maskId() {
    return idOf(spec.names().mask());
  }

  /** Special tokens that an encoding adds to a text, or to a pair. */
  public int addedTokens(boolean pair) {
    return spec.template().added(pair);
  }

  /** Added tokens, special ones included. */
  public List<AddedToken> addedTokens() {
    return spec.added();
  }

  public Normalization normalization() {
    return spec.normalization();
  }

  /**
   * {@code model_max_length} of tokenizer_config.json, special tokens included, if it is there and
   * is a limit.
   */
  public OptionalInt modelMaxLength() {
    return spec.modelMaxLength() == 0 ? OptionalInt.empty() : OptionalInt.of(spec.modelMaxLength());
  }

  /** What it is, for people: names to values, in order. */
  public Map<String, String> describe() {
    Map<String, String> facts = new LinkedHashMap<>();
    Normalization n = normalization();
    facts.put("kind", "WordPiece, from " + spec.kind());
    facts.put("vocabulary", vocabulary.size() + " tokens");
    facts.put("lower case", yes(n.lowercase()));
    facts.put("strips accents", yes(n.stripAccents()));
    facts.put("separates Chinese", yes(n.handleChineseChars()));
    facts.put("cleans text", yes(n.cleanText()));
    facts.put("added tokens", Integer.toString(spec.added().size()));
    facts.put("longest word", spec.maxWordLength() + " characters");
    modelMaxLength().ifPresent(m -> facts.put("longest sequence", m + " tokens"));
    return facts;
  }

  private static String yes(boolean flag) {
    return flag ? "yes" : "no";
  }
}
