package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.backend.CudaBackend;
import dev.espalier.bindings.CudaLibrary;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import jcuda.Pointer;
import org.junit.jupiter.api.Test;

/** What the cuda backend says of the machine, and its machine code, by the driver's word. */
class DeviceDriverTest {
  private static final long SEED = Long.getLong("espalier.seed", 20_000);

  @Test
  void theDriverListsTheSameDevices() {
    try (DeviceDriver driver = CudaOracles.driver(CudaOracles.device().index())) {
      CudaBackend.Inventory ours = CudaBackend.inventory();
      assertEquals(driver.version(), ours.driver());
      assertEquals(
          driver.devices(),
          ours.devices().stream()
              .map(
                  d ->
                      new DeviceDriver.Device(
                          d.name(), d.major(), d.minor(), d.multiprocessors(), d.memory()))
              .toList());
    }
  }

  /** The machine code that ships, started without our launchers. */
  @Test
  void aKernelOfOursRunsByTheDriverAlone() throws IOException {
    RandomValues random = new RandomValues(SEED);
    int rows = 300;
    int columns = 333;
    int pitch = 352;
    byte[] codes = new byte[rows * columns];
    byte[] expected = new byte[rows * pitch];
    Arrays.fill(expected, (byte) 99);
    int[] sums = new int[rows];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) random.between(-127, 127);
      expected[i / columns * pitch + i % columns] = codes[i];
      sums[i / columns] += codes[i];
    }
    byte[] copied = new byte[expected.length];
    Arrays.fill(copied, (byte) 99);
    int[] summed = new int[rows];

    try (DeviceDriver driver = CudaOracles.driver(CudaOracles.device().index());
        DeviceDriver.Kernel kernel =
            driver.kernel(DeviceImages.of(Path.of(CudaLibrary.path())), "copy_codes_kernel");
        DeviceDriver.Memory from = driver.memory(Pointer.to(codes), codes.length);
        DeviceDriver.Memory to = driver.memory(Pointer.to(copied), copied.length);
        DeviceDriver.Memory toSums = driver.memory(Pointer.to(summed), 4L * rows)) {
      double time =
          driver.milliseconds(
              () ->
                  kernel.launch(
                      rows,
                      32,
                      from.argument(),
                      Pointer.to(new int[] {columns}),
                      to.argument(),
                      Pointer.to(new long[] {pitch}),
                      toSums.argument()));
      to.read(Pointer.to(copied));
      toSums.read(Pointer.to(summed));
      System.out.printf("copy_codes_kernel by the driver: %.4f ms by its events%n", time);
      assertTrue(time >= 0, () -> "the events are " + time + " ms apart");
    }
    assertArrayEquals(expected, copied);
    assertArrayEquals(sums, summed);
  }
}
