/* The filters of this module: what each does when Envoy calls. */

#pragma once

#include "envoy.h"

typedef struct {
    /* Of a listener; null where they are not as they should be. */
    void *(*settings_read)(text said);
    void (*settings_forgotten)(void *settings);
    /* One request, from its headers to its end. */
    void *(*begun)(const void *settings);
    void (*headers)(stream, void *request);
    void (*body)(stream, void *request, bool is_end);
    void (*answered)(void *request);
    /* Its deadline has come. */
    void (*due)(stream, void *request);
    /* It is over, and Envoy still knows all of it. */
    void (*completed)(stream, void *request);
    void (*ended)(void *request);
} filter;

/* So many lines; those that are missing are empty. */
void lines_read(const char *from, text *lines, int count);

extern const filter slot_filter, upload_filter;
