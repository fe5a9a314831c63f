package dev.espalier.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The bindings against the header that they repeat. JavaCPP and the C++ compiler check the types,
 * not the omissions.
 */
class EspalierTest {
  private static final Pattern FUNCTION =
      Pattern.compile("ESP_API\\s[^;(]*?(esp_\\w+)\\(([^)]*)\\)", Pattern.DOTALL);
  private static final Pattern CONSTANT = Pattern.compile("(ESP_[A-Z0-9_]+) = (\\d+)");

  @Test
  void everyFunctionIsBoundWithAllItsParameters() throws IOException {
    Map<String, Integer> header = new TreeMap<>();
    Matcher matcher = FUNCTION.matcher(header());
    while (matcher.find()) {
      String parameters = matcher.group(2).strip();
      header.put(
          matcher.group(1), parameters.equals("void") ? 0 : parameters.split(",", -1).length);
    }
    Map<String, Integer> bound = new TreeMap<>();
    for (Method method : Espalier.class.getDeclaredMethods()) {
      if (Modifier.isNative(method.getModifiers())) {
        bound.put(method.getName(), method.getParameterCount());
      }
    }
    assertFalse(header.isEmpty(), "no function was found in espalier.h");
    assertEquals(header, bound);
  }

  @Test
  void constantsAreTheHeaders() throws Exception {
    int compared = 0;
    Matcher matcher = CONSTANT.matcher(header());
    while (matcher.find()) {
      int value = Espalier.class.getField(matcher.group(1)).getInt(null);
      assertEquals(Integer.parseInt(matcher.group(2)), value, matcher.group(1));
      compared++;
    }
    assertEquals(
        Arrays.stream(Espalier.class.getFields())
            .filter(field -> field.getName().startsWith("ESP_"))
            .count(),
        compared,
        "constants in espalier.h and in Espalier");
    Matcher version = Pattern.compile("#define ESP_ABI_VERSION (\\d+)").matcher(header());
    assertTrue(version.find(), "espalier.h defines no ESP_ABI_VERSION");
    assertEquals(Integer.parseInt(version.group(1)), Espalier.ABI_VERSION);
  }

  private static String header() throws IOException {
    Path root = Path.of(System.getProperty("espalier.root"));
    // Comments hold parentheses and semicolons.
    return Files.readString(root.resolve("native/include/espalier.h")).replaceAll("//.*", "");
  }
}
