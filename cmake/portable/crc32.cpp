// Prints the CRC-32 of a file (that of java.util.zip.CRC32), eight hexadecimal digits: CMake knows cryptographic hashes
// only, which cost the JVM too much start-up time to check.
#include <stdint.h>
#include <stdio.h>

int main(int count, char** arguments) {
  FILE* file = count == 2 ? fopen(arguments[1], "rb") : nullptr;
  if (file == nullptr) {
    fprintf(stderr, "usage: crc32 FILE\n");
    return 1;
  }
  uint32_t crc = 0xffffffffu;
  for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
    crc ^= static_cast<uint32_t>(c);
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  const bool failed = ferror(file) != 0;
  fclose(file);
  if (failed) return 1;
  printf("%08x", ~crc);
  return 0;
}
