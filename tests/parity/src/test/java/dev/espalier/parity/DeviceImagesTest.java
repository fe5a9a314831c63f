package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.BackendUnavailableException;
import dev.espalier.bindings.CudaLibrary;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * Finding device code in a shared library; on a small one made here, and on ours if it is built.
 */
class DeviceImagesTest {
  private static final String SYMBOL = "_ZN8espalier3gpu5_GLO_11copy_kernelEPKai";
  private static final int NAMES = 64;
  private static final int IMAGES = 256;
  private static final int HEADERS = 512;

  /** An ELF file of two sections: names, and two fat binaries of 8 and of 24 bytes with a gap. */
  private static ByteBuffer library() {
    ByteBuffer elf = ByteBuffer.allocate(HEADERS + 128).order(ByteOrder.LITTLE_ENDIAN);
    elf.putInt(0, 0x464c457f).put(4, (byte) 2);
    elf.putLong(0x28, HEADERS);
    elf.putShort(0x3a, (short) 64).putShort(0x3c, (short) 2).putShort(0x3e, (short) 0);
    elf.put(NAMES, "\0.names\0.nv_fatbin\0".getBytes(StandardCharsets.US_ASCII));
    elf.put(NAMES + 64, ("\0.text." + SYMBOL + "\0").getBytes(StandardCharsets.US_ASCII));
    header(elf, HEADERS, 1, NAMES, 19);
    header(elf, HEADERS + 64, 8, IMAGES, 72);
    fatBinary(elf, IMAGES, 8);
    fatBinary(elf, IMAGES + 32, 24);
    return elf;
  }

  private static void header(ByteBuffer elf, int at, int name, long offset, long size) {
    elf.putInt(at, name).putLong(at + 0x18, offset).putLong(at + 0x20, size);
  }

  private static void fatBinary(ByteBuffer elf, int at, int size) {
    elf.putInt(at, 0xba55ed50).putShort(at + 4, (short) 1).putShort(at + 6, (short) 16);
    elf.putLong(at + 8, size);
    for (int i = 0; i < size; i++) {
      elf.put(at + 16 + i, (byte) (size + i));
    }
  }

  @Test
  void eachFatBinaryIsFoundWhole() {
    ByteBuffer elf = library();
    List<byte[]> images = new DeviceImages("made here", elf.array()).fatBinaries();
    assertEquals(2, images.size());
    assertArrayEquals(Arrays.copyOfRange(elf.array(), IMAGES, IMAGES + 24), images.get(0));
    assertArrayEquals(Arrays.copyOfRange(elf.array(), IMAGES + 32, IMAGES + 72), images.get(1));
  }

  @Test
  void symbolsAreWholeNames() {
    DeviceImages images = new DeviceImages("made here", library().array());
    assertEquals(Set.of(SYMBOL), images.symbols("copy_kernel"));
    assertEquals(Set.of(), images.symbols("py_kernel"));
  }

  private static void assertRefused(String reason, byte[] library) {
    DeviceImages images = new DeviceImages("made here", library);
    String message = assertThrows(IllegalArgumentException.class, images::fatBinaries).getMessage();
    assertTrue(message.startsWith("made here: " + reason), message);
  }

  @Test
  void whatIsDamagedIsRefused() {
    assertRefused("not an ELF file", new byte[8]);
    assertRefused("not a 64-bit", library().put(4, (byte) 1).array());
    assertRefused("no section .nv_fatbin", library().putInt(HEADERS + 64, 1).array());
    assertRefused("a damaged ELF", library().putLong(0x28, 1 << 20).array());
    assertRefused("a damaged ELF", library().putLong(0x28, Long.MAX_VALUE).array());
    assertRefused("no fat binary at byte 256", library().putInt(IMAGES, 1).array());
    assertRefused(
        "the fat binary at byte 256 has 1016 bytes", library().putLong(IMAGES + 8, 1000).array());
  }

  @Test
  void ourLibraryHasThem() throws IOException {
    DeviceImages images = null;
    if (System.getProperty(CudaLibrary.PROPERTY) != null) {
      Shared.skip("another library is named by " + CudaLibrary.PROPERTY);
    }
    try {
      images = DeviceImages.of(Path.of(CudaLibrary.path()));
    } catch (BackendUnavailableException e) {
      Shared.skip(e.getMessage());
    }
    assertTrue(images.fatBinaries().size() > 1, images::toString);
    assertTrue(
        images.symbols("copy_codes_kernel").stream().anyMatch(s -> s.contains("copy_codes_cu")),
        () -> "symbols of copy_codes_kernel");
  }
}
