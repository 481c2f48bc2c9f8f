/* When requests are due: Envoy tells a module of no time that passes. */

#pragma once

#include "envoy.h"

/* Something that is to happen to one request, in its thread, unless it is taken back before. */
typedef struct deadline deadline;

deadline *deadline_set(stream, double seconds);
/* It does not come any more, or has come. */
void deadline_taken_back(deadline *);
