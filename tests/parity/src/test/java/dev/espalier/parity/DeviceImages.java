package dev.espalier.parity;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What nvcc put into libespalier_cuda: a fat binary for each file of {@code kernels/}, with its
 * machine code for every card, and the names by which the driver knows the kernels.
 *
 * <p>Fat binaries lie one after the other in the ELF section {@code .nv_fatbin}, each behind a
 * header of 16 bytes: a magic number, version, size of the header, size of the rest (CUDA's {@code
 * fatbinary_section.h} and what cuobjdump shows). The names are mangled, and since our kernels are
 * in unnamed namespaces they hold a number that nvcc makes up at each build, so they are looked
 * for.
 */
final class DeviceImages {
  private static final int ELF_MAGIC = 0x464c457f;
  private static final int ELF_64_BITS = 2;
  private static final int FATBIN_MAGIC = 0xba55ed50;
  private static final int FATBIN_HEADER = 16;
  private static final String SECTION = ".nv_fatbin";

  private final String name;
  private final byte[] library;
  private final ByteBuffer buffer;

  /**
   * @param name for messages
   * @param library the bytes of a shared library
   */
  DeviceImages(String name, byte[] library) {
    this.name = name;
    this.library = library;
    this.buffer = ByteBuffer.wrap(library).order(ByteOrder.LITTLE_ENDIAN);
  }

  static DeviceImages of(Path library) throws IOException {
    return new DeviceImages(library.toString(), Files.readAllBytes(library));
  }

  /**
   * Each as {@code cuModuleLoadData} takes it: the driver picks the card's machine code, or
   * compiles the PTX.
   *
   * @throws IllegalArgumentException if the library is no 64-bit ELF file with device code
   */
  List<byte[]> fatBinaries() {
    try {
      long[] section = section();
      List<byte[]> images = new ArrayList<>();
      int at = Math.toIntExact(section[0]);
      int end = Math.toIntExact(section[0] + section[1]);
      while (at + FATBIN_HEADER <= end) {
        if (buffer.getInt(at) != FATBIN_MAGIC) {
          // They begin at multiples of 8 bytes, with zeros between.
          require(buffer.getLong(at) == 0, "no fat binary at byte " + at);
          at += Long.BYTES;
          continue;
        }
        int size = Math.toIntExact(buffer.getShort(at + 6) + buffer.getLong(at + 8));
        require(
            size >= FATBIN_HEADER && size <= end - at,
            "the fat binary at byte "
                + at
                + " has "
                + size
                + " bytes, "
                + SECTION
                + " ends after "
                + (end - at));
        byte[] image = new byte[size];
        buffer.get(at, image);
        images.add(image);
        at += size;
      }
      return images;
    } catch (IndexOutOfBoundsException | ArithmeticException e) {
      throw new IllegalArgumentException(name + ": a damaged ELF file", e);
    }
  }

  /** Offset and size. */
  private long[] section() {
    require(library.length >= 64 && buffer.getInt(0) == ELF_MAGIC, "not an ELF file");
    require(library[4] == ELF_64_BITS, "not a 64-bit ELF file");
    int headers = Math.toIntExact(buffer.getLong(0x28));
    int headerSize = Short.toUnsignedInt(buffer.getShort(0x3a));
    int count = Short.toUnsignedInt(buffer.getShort(0x3c));
    int names = headers + headerSize * Short.toUnsignedInt(buffer.getShort(0x3e));
    int namesAt = Math.toIntExact(buffer.getLong(names + 0x18));
    byte[] wanted = (SECTION + "\0").getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < count; i++) {
      int header = headers + headerSize * i;
      byte[] found = new byte[wanted.length];
      int nameAt = namesAt + buffer.getInt(header);
      buffer.get(nameAt, found, 0, Math.min(found.length, library.length - nameAt));
      if (Arrays.equals(wanted, found)) {
        return new long[] {buffer.getLong(header + 0x18), buffer.getLong(header + 0x20)};
      }
    }
    throw new IllegalArgumentException(name + ": no section " + SECTION + ", so no device code");
  }

  private void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": " + otherwise);
    }
  }

  /**
   * Symbols that a function of this name may have: each mangled name in the library that ends in it
   * and in parameters. Only the driver knows which of them are kernels.
   *
   * @param kernel without namespace; not a template
   */
  Set<String> symbols(String kernel) {
    String text = new String(library, StandardCharsets.ISO_8859_1);
    String mangled = kernel.length() + kernel + "E";
    Set<String> symbols = new LinkedHashSet<>();
    for (int at = text.indexOf(mangled); at >= 0; at = text.indexOf(mangled, at + 1)) {
      int first = at;
      while (first > 0 && isNamePart(text.charAt(first - 1))) {
        first--;
      }
      int end = at + mangled.length();
      while (end < text.length() && isNamePart(text.charAt(end))) {
        end++;
      }
      if (text.startsWith("_ZN", first)) {
        symbols.add(text.substring(first, end));
      }
    }
    return symbols;
  }

  private static boolean isNamePart(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_';
  }

  @Override
  public String toString() {
    return name;
  }
}
