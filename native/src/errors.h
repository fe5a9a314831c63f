// Failures inside the library: thrown here, turned into a status and a text for the thread by api.cpp.
#ifndef ESPALIER_ERRORS_H
#define ESPALIER_ERRORS_H

#include <cstdint>
#include <exception>
#include <string>

#include "espalier.h"

namespace espalier {

class Error : public std::exception {
 public:
  Error(esp_status status, std::string text) : status_(status), text_(std::move(text)) {}
  esp_status status() const noexcept { return status_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  esp_status status_;
  std::string text_;
};

Error out_of_memory(int64_t bytes);

}  // namespace espalier
#endif
