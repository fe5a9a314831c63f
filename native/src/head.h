// An attention head in the columns of qkv and of the context.
#ifndef ESPALIER_HEAD_H
#define ESPALIER_HEAD_H

#include <stdint.h>

namespace espalier {

// Head h reads columns query[h].., key[h].., value[h].. of qkv, writes columns context[h].. of the context, and is
// column index[h] of a head mask.
struct Head {
  int32_t index;
  int32_t query, key, value, context;
  int32_t qk_width, v_width;
  float scale;
};

}  // namespace espalier
#endif
