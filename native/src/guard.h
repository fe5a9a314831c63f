// The one try/catch between what throws and the C ABI.
#ifndef ESPALIER_GUARD_H
#define ESPALIER_GUARD_H

#include <exception>
#include <new>

#include "errors.h"

namespace espalier {

// Keeps `text` as this thread's esp_last_error; returns `status`.
esp_status fail(esp_status status, const char* text) noexcept;

// Runs a body; ESP_OK, or the status of what it threw.
template <typename Body>
esp_status guard(const Body& body) noexcept {
  try {
    body();
    return ESP_OK;
  } catch (const Error& e) {
    return fail(e.status(), e.what());
  } catch (const std::bad_alloc&) {
    return fail(ESP_OUT_OF_MEMORY, "out of native memory");
  } catch (const std::exception& e) {
    return fail(ESP_INTERNAL, e.what());
  } catch (...) {
    return fail(ESP_INTERNAL, "unknown failure in native code");
  }
}

}  // namespace espalier
#endif
