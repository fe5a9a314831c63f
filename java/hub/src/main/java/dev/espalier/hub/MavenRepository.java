package dev.espalier.hub;

import dev.espalier.ModelNotFoundException;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.maven.model.Repository;
import org.apache.maven.model.building.DefaultModelProcessor;
import org.apache.maven.model.io.DefaultModelReader;
import org.apache.maven.model.locator.DefaultModelLocator;
import org.apache.maven.model.superpom.DefaultSuperPomProvider;
import org.apache.maven.repository.internal.ArtifactDescriptorUtils;
import org.apache.maven.repository.internal.MavenRepositorySystemUtils;
import org.apache.maven.settings.Mirror;
import org.apache.maven.settings.Proxy;
import org.apache.maven.settings.Server;
import org.apache.maven.settings.Settings;
import org.apache.maven.settings.building.DefaultSettingsBuilderFactory;
import org.apache.maven.settings.building.DefaultSettingsBuildingRequest;
import org.apache.maven.settings.building.SettingsBuildingException;
import org.eclipse.aether.DefaultRepositorySystemSession;
import org.eclipse.aether.RepositorySystem;
import org.eclipse.aether.artifact.DefaultArtifact;
import org.eclipse.aether.repository.LocalRepository;
import org.eclipse.aether.repository.RemoteRepository;
import org.eclipse.aether.repository.RepositoryPolicy;
import org.eclipse.aether.resolution.ArtifactRequest;
import org.eclipse.aether.resolution.ArtifactResolutionException;
import org.eclipse.aether.supplier.RepositorySystemSupplier;
import org.eclipse.aether.util.repository.AuthenticationBuilder;
import org.eclipse.aether.util.repository.DefaultAuthenticationSelector;
import org.eclipse.aether.util.repository.DefaultMirrorSelector;
import org.eclipse.aether.util.repository.DefaultProxySelector;
import org.eclipse.aether.util.repository.JreProxySelector;

/**
 * The user's Maven: local repository, mirrors, proxies and servers from settings.xml, and what is
 * fetched through them.
 */
final class MavenRepository {
  private final Settings settings;
  private final Path local;
  private final List<RemoteRepository> remotes;

  /**
   * @param local the local repository
   * @param remotes where to fetch from; empty for Maven's own default
   */
  MavenRepository(Settings settings, Path local, List<RemoteRepository> remotes) {
    this.settings = settings;
    this.local = local;
    this.remotes = List.copyOf(remotes);
  }

  /**
   * As {@code mvn} would find it: {@code settings.xml} of the user and of {@code $MAVEN_HOME},
   * {@code -Dmaven.repo.local}. Encrypted passwords are not decrypted.
   */
  static MavenRepository ofUser() {
    Path home = Path.of(System.getProperty("user.home"), ".m2");
    DefaultSettingsBuildingRequest request = new DefaultSettingsBuildingRequest();
    request.setUserSettingsFile(home.resolve("settings.xml").toFile());
    String maven = System.getenv("MAVEN_HOME");
    if (maven != null && !maven.isBlank()) {
      request.setGlobalSettingsFile(new File(maven, "conf/settings.xml"));
    }
    request.setSystemProperties(System.getProperties());
    Settings settings;
    try {
      settings =
          new DefaultSettingsBuilderFactory().newInstance().build(request).getEffectiveSettings();
    } catch (SettingsBuildingException e) {
      throw new ModelNotFoundException("Maven's settings.xml cannot be read: " + e.getMessage(), e);
    }
    String named = System.getProperty("maven.repo.local", "");
    Path local =
        !named.isBlank()
            ? Path.of(named)
            : settings.getLocalRepository() != null
                ? Path.of(settings.getLocalRepository())
                : home.resolve("repository");
    return new MavenRepository(settings, local, List.of());
  }

  /** The local repository's directory. */
  Path local() {
    return local;
  }

  /**
   * Fetches the model's jar, without what it depends on, into the local repository.
   *
   * @throws ModelNotFoundException naming the artifact and what went wrong
   */
  Path fetch(HubModel model) {
    RepositorySystem system = new RepositorySystemSupplier().get();
    try {
      DefaultRepositorySystemSession session = session(system);
      List<RemoteRepository> from =
          system.newResolutionRepositories(session, remotes.isEmpty() ? central() : remotes);
      ArtifactRequest request =
          new ArtifactRequest(
              new DefaultArtifact(model.group(), model.artifact(), "jar", model.version()),
              from,
              null);
      return system.resolveArtifact(session, request).getArtifact().getFile().toPath();
    } catch (ArtifactResolutionException e) {
      throw new ModelNotFoundException(
          "\""
              + model.name()
              + "\": "
              + model.coordinates()
              + " cannot be fetched into "
              + local
              + ": "
              + e.getMessage()
              + (settings.isOffline() ? "; settings.xml says offline" : "")
              + ". Behind a proxy or mirror, name it in Maven's settings.xml; or give the model as"
              + " a file",
          e);
    } finally {
      system.shutdown();
    }
  }

  private DefaultRepositorySystemSession session(RepositorySystem system) {
    DefaultRepositorySystemSession session = MavenRepositorySystemUtils.newSession();
    session.setLocalRepositoryManager(
        system.newLocalRepositoryManager(session, new LocalRepository(local.toFile())));
    session.setOffline(settings.isOffline());
    session.setChecksumPolicy(RepositoryPolicy.CHECKSUM_POLICY_FAIL);
    session.setSystemProperties(System.getProperties());
    session.setConfigProperties(System.getProperties());
    DefaultMirrorSelector mirrors = new DefaultMirrorSelector();
    for (Mirror m : settings.getMirrors()) {
      mirrors.add(
          m.getId(),
          m.getUrl(),
          m.getLayout(),
          false,
          m.isBlocked(),
          m.getMirrorOf(),
          m.getMirrorOfLayouts());
    }
    session.setMirrorSelector(mirrors);
    DefaultProxySelector proxies = new DefaultProxySelector();
    for (Proxy p : settings.getProxies()) {
      if (p.isActive()) {
        AuthenticationBuilder auth = new AuthenticationBuilder();
        auth.addUsername(p.getUsername()).addPassword(p.getPassword());
        proxies.add(
            new org.eclipse.aether.repository.Proxy(
                p.getProtocol(), p.getHost(), p.getPort(), auth.build()),
            p.getNonProxyHosts());
      }
    }
    // What settings.xml does not name, the JVM's own proxy properties may.
    JreProxySelector ofJvm = new JreProxySelector();
    session.setProxySelector(
        remote -> {
          org.eclipse.aether.repository.Proxy proxy = proxies.getProxy(remote);
          return proxy != null ? proxy : ofJvm.getProxy(remote);
        });
    DefaultAuthenticationSelector servers = new DefaultAuthenticationSelector();
    for (Server s : settings.getServers()) {
      AuthenticationBuilder auth = new AuthenticationBuilder();
      auth.addUsername(s.getUsername()).addPassword(s.getPassword());
      auth.addPrivateKey(s.getPrivateKey(), s.getPassphrase());
      servers.add(s.getId(), auth.build());
    }
    session.setAuthenticationSelector(servers);
    return session;
  }

  /** The repositories of Maven's super POM: the ones every build falls back to. */
  private static List<RemoteRepository> central() {
    DefaultModelProcessor processor = new DefaultModelProcessor();
    processor.setModelLocator(new DefaultModelLocator());
    processor.setModelReader(new DefaultModelReader());
    List<RemoteRepository> repositories = new ArrayList<>();
    for (Repository r :
        new DefaultSuperPomProvider()
            .setModelProcessor(processor)
            .getSuperModel("4.0.0")
            .getRepositories()) {
      repositories.add(ArtifactDescriptorUtils.toRemoteRepository(r));
    }
    return repositories;
  }
}
