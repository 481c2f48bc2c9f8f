/* The filters of this module: what each does when Envoy calls. */

#pragma once

#include "envoy.h"

typedef struct {
    /* Of the words that a listener says, one a line: so many have to be there. */
    int least_words;
    /* One request, from its headers to its end. Words that are missing are empty. */
    void *(*begun)(const text *words);
    void (*headers)(stream, void *request);
    void (*body)(stream, void *request, bool is_end);
    void (*answered)(void *request);
    /* Its deadline has come. */
    void (*due)(stream, void *request);
    /* It is over, and Envoy still knows all of it. */
    void (*completed)(stream, void *request);
    void (*ended)(void *request);
} filter;

extern const filter slot_filter, upload_filter;
