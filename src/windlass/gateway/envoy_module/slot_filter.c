/* Lets a request in by a slot that the gate has lent, without asking the gate. */

#include "deadlines.h"
#include "filter.h"
#include "lent_slots.h"

#include <stdlib.h>
#include <string.h>

/* The words that it shares with routes and other filters: one a line, in this order. */
enum { ASKS_HEADER, AT_LENGTH, REMAINING_HEADER, SLOT_FILTER, SLOT, ERA, TOO_LATE, WORDS };

typedef struct {
    const text *words;
    replica *at;
    asking *asks_gate;
    deadline *due;
} request;

static const text NOTHING = {NULL, 0};

static void *begun(const text *words) {
    request *made = calloc(1, sizeof *made);
    made->words = words;
    return made;
}

static bool is_at_length(stream envoy, const text *words, bool *asks) {
    text mark = NOTHING;
    *asks = envoy_dynamic_module_callback_http_get_header(envoy, REQUEST_HEADERS,
                                                          words[ASKS_HEADER], &mark, 0, NULL) &&
            mark.length > 0;
    return mark.length == words[AT_LENGTH].length &&
           memcmp(mark.at, words[AT_LENGTH].at, mark.length) == 0;
}

static void headers(stream envoy, void *module) {
    request *this = module;
    const text *words = this->words;
    bool asks;
    bool takes_long = is_at_length(envoy, words, &asks);
    const lending *from =
        asks ? envoy_dynamic_module_callback_get_most_specific_route_config(envoy) : NULL;
    this->at = from == NULL ? NULL : slot_taken(from);
    if (this->at == NULL) {
        this->asks_gate = from == NULL ? NULL : asking_begun(from);
        return;
    }
    text milliseconds = lending_milliseconds(from);
    if (takes_long) {
        this->due = deadline_set(envoy, strtod(milliseconds.at, NULL) / 1000);
    }
    envoy_dynamic_module_callback_http_set_dynamic_metadata_string(envoy, words[SLOT_FILTER],
                                                                   words[SLOT],
                                                                   replica_address(this->at));
    envoy_dynamic_module_callback_http_set_header(envoy, REQUEST_HEADERS, words[REMAINING_HEADER],
                                                  milliseconds);
    envoy_dynamic_module_callback_http_set_header(envoy, REQUEST_HEADERS, words[ASKS_HEADER],
                                                  NOTHING);
    envoy_dynamic_module_callback_http_clear_route_cache(envoy);
}

static void body(stream envoy, void *module, bool is_end) {
    (void)envoy, (void)module, (void)is_end;
}

static void answered(void *module) {
    request *this = module;
    if (this->due != NULL) {
        deadline_taken_back(this->due);
        this->due = NULL;
    }
}

static void due(stream envoy, void *module) {
    request *this = module;
    if (this->due == NULL) {
        /* Its answer came in the meantime. */
        return;
    }
    answered(this);
    envoy_dynamic_module_callback_http_send_response(envoy, 504, NULL, 0, this->words[TOO_LATE],
                                                     NOTHING);
}

/* What the gate's answer said; nothing where there was none. */
static text granted(stream envoy, const request *of, int word) {
    text said = NOTHING;
    const text *words = of->words;
    envoy_dynamic_module_callback_http_get_metadata_string(envoy, OF_REQUEST, words[SLOT_FILTER],
                                                           words[word], &said);
    return said;
}

static void completed(stream envoy, void *module) {
    request *this = module;
    if (this->asks_gate == NULL) {
        return;
    }
    text address = granted(envoy, this, SLOT);
    asking_ended(this->asks_gate, address, granted(envoy, this, ERA));
    this->asks_gate = NULL;
}

static void ended(void *module) {
    request *this = module;
    answered(this);
    if (this->asks_gate != NULL) {
        asking_ended(this->asks_gate, NOTHING, NOTHING);
    }
    if (this->at != NULL) {
        slot_returned(this->at);
    }
    free(this);
}

const filter slot_filter = {
    WORDS, begun, headers, body, answered, due, completed, ended,
};
