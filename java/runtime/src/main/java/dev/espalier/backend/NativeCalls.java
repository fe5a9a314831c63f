package dev.espalier.backend;

import dev.espalier.BackendUnavailableException;
import dev.espalier.CudaUnavailableException;
import dev.espalier.CudaUnavailableException.Reason;
import dev.espalier.DeviceLostException;
import dev.espalier.DeviceOutOfMemoryException;
import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.bindings.Espalier;

/** Turns the status of a native call into an exception. */
final class NativeCalls {
  private NativeCalls() {}

  /**
   * @throws BackendUnavailableException if this machine or build cannot do what was asked
   * @throws DeviceOutOfMemoryException if the backend's memory ran out
   * @throws DeviceLostException if the device failed
   * @throws EspalierException for any other failure
   */
  static void check(int status) {
    if (status != Espalier.ESP_OK) {
      throw failure(status, Espalier.esp_last_error());
    }
  }

  /**
   * As {@link #check}, for an op whose input only native code looks at.
   *
   * @throws InvalidInputException if that was refused
   */
  static void checkInput(int status) {
    if (status == Espalier.ESP_INVALID_ARGUMENT) {
      throw new InvalidInputException(Espalier.esp_last_error());
    }
    check(status);
  }

  private static RuntimeException failure(int status, String reason) {
    return switch (status) {
      case Espalier.ESP_UNSUPPORTED -> new BackendUnavailableException(reason);
      case Espalier.ESP_OUT_OF_MEMORY ->
          new DeviceOutOfMemoryException(
              reason + "; lower the token budget or the number of models, or pack in fewer bits");
      case Espalier.ESP_DEVICE_LOST -> new DeviceLostException(reason);
      case Espalier.ESP_NO_LIBRARY -> new CudaUnavailableException(Reason.NO_LIBRARY, reason);
      case Espalier.ESP_NO_DRIVER -> new CudaUnavailableException(Reason.NO_DRIVER, reason);
      case Espalier.ESP_OLD_DRIVER -> new CudaUnavailableException(Reason.OLD_DRIVER, reason);
      case Espalier.ESP_NO_DEVICE -> new CudaUnavailableException(Reason.NO_DEVICE, reason);
      case Espalier.ESP_OLD_DEVICE -> new CudaUnavailableException(Reason.OLD_DEVICE, reason);
      case Espalier.ESP_INVALID_ARGUMENT -> new IllegalArgumentException(reason);
      default -> new EspalierException("native call failed with status " + status + ": " + reason);
    };
  }
}
