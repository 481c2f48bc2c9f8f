/* Envoy's filter that lets a request in by a slot that the gate has lent, without asking the gate. */

#include "deadlines.h"
#include "envoy.h"
#include "lent_slots.h"

#include <stdlib.h>
#include <string.h>

/* The words that it shares with routes and other filters: one a line, in this order. */
enum { ASKS_HEADER, AT_LENGTH, REMAINING_HEADER, SLOT_FILTER, SLOT, ERA, TOO_LATE, WORDS };

typedef struct {
    char *copy;
    text words[WORDS];
} settings;

typedef struct {
    const settings *of;
    replica *at;
    asking *asks_gate;
    deadline *due;
} request;

static const text NOTHING = {NULL, 0};

EXPORTED const char *envoy_dynamic_module_on_program_init(void) { return INTERFACE_VERSION; }

EXPORTED const void *envoy_dynamic_module_on_http_filter_config_new(void *envoy, text name,
                                                                    text said) {
    (void)envoy, (void)name;
    settings *made = calloc(1, sizeof *made);
    made->copy = strndup(said.at, said.length);
    char *at = made->copy;
    for (int each = 0; each < WORDS; each++) {
        size_t length = strcspn(at, "\n");
        made->words[each] = (text){at, length};
        at += length + (at[length] == '\n');
    }
    if (made->words[WORDS - 1].length == 0) {
        free(made->copy);
        free(made);
        return NULL;
    }
    return made;
}

EXPORTED void envoy_dynamic_module_on_http_filter_config_destroy(const void *old) {
    free(((settings *)old)->copy);
    free((void *)old);
}

EXPORTED const void *envoy_dynamic_module_on_http_filter_per_route_config_new(text name,
                                                                              text said) {
    (void)name;
    return lending_heard(said);
}

EXPORTED void envoy_dynamic_module_on_http_filter_per_route_config_destroy(const void *old) {
    lending_forgotten((lending *)old);
}

EXPORTED const void *envoy_dynamic_module_on_http_filter_new(const void *config, stream envoy) {
    (void)envoy;
    request *made = calloc(1, sizeof *made);
    made->of = config;
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

EXPORTED int envoy_dynamic_module_on_http_filter_request_headers(stream envoy, const void *module,
                                                                 bool is_end) {
    (void)is_end;
    request *this = (request *)module;
    const text *words = this->of->words;
    bool asks;
    bool takes_long = is_at_length(envoy, words, &asks);
    const lending *from =
        asks ? envoy_dynamic_module_callback_get_most_specific_route_config(envoy) : NULL;
    this->at = from == NULL ? NULL : slot_taken(from);
    if (this->at == NULL) {
        this->asks_gate = from == NULL ? NULL : asking_begun(from);
        return CONTINUE;
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
    return CONTINUE;
}

static void take_back_deadline(request *this) {
    if (this->due != NULL) {
        deadline_taken_back(this->due);
        this->due = NULL;
    }
}

EXPORTED void envoy_dynamic_module_on_http_filter_scheduled(stream envoy, const void *module,
                                                            uint64_t event) {
    (void)event;
    request *this = (request *)module;
    if (this->due == NULL) {
        /* Its answer came in the meantime. */
        return;
    }
    take_back_deadline(this);
    envoy_dynamic_module_callback_http_send_response(envoy, 504, NULL, 0, this->of->words[TOO_LATE],
                                                     NOTHING);
}

EXPORTED int envoy_dynamic_module_on_http_filter_response_headers(stream envoy, const void *module,
                                                                  bool is_end) {
    (void)envoy, (void)is_end;
    take_back_deadline((request *)module);
    return CONTINUE;
}

/* What the gate's answer said; nothing where there was none. */
static text granted(stream envoy, const request *of, int word) {
    text said = NOTHING;
    const text *words = of->of->words;
    envoy_dynamic_module_callback_http_get_metadata_string(envoy, OF_REQUEST, words[SLOT_FILTER],
                                                           words[word], &said);
    return said;
}

EXPORTED void envoy_dynamic_module_on_http_filter_stream_complete(stream envoy,
                                                                  const void *module) {
    request *this = (request *)module;
    if (this->asks_gate == NULL) {
        return;
    }
    text address = granted(envoy, this, SLOT);
    asking_ended(this->asks_gate, address, granted(envoy, this, ERA));
    this->asks_gate = NULL;
}

EXPORTED void envoy_dynamic_module_on_http_filter_destroy(const void *module) {
    request *this = (request *)module;
    take_back_deadline(this);
    if (this->asks_gate != NULL) {
        asking_ended(this->asks_gate, NOTHING, NOTHING);
    }
    if (this->at != NULL) {
        slot_returned(this->at);
    }
    free(this);
}

/* What Envoy tells besides, and whoever it loads has to know. */

#define NOT_ASKED_FOR(what) \
    EXPORTED int envoy_dynamic_module_on_http_filter_##what(void) { return CONTINUE; }

NOT_ASKED_FOR(request_body)
NOT_ASKED_FOR(request_trailers)
NOT_ASKED_FOR(response_body)
NOT_ASKED_FOR(response_trailers)
NOT_ASKED_FOR(local_reply)
NOT_ASKED_FOR(http_callout_done)
NOT_ASKED_FOR(http_stream_headers)
NOT_ASKED_FOR(http_stream_data)
NOT_ASKED_FOR(http_stream_trailers)
NOT_ASKED_FOR(http_stream_complete)
NOT_ASKED_FOR(http_stream_reset)
NOT_ASKED_FOR(config_scheduled)
NOT_ASKED_FOR(config_http_callout_done)
NOT_ASKED_FOR(config_http_stream_headers)
NOT_ASKED_FOR(config_http_stream_data)
NOT_ASKED_FOR(config_http_stream_trailers)
NOT_ASKED_FOR(config_http_stream_complete)
NOT_ASKED_FOR(config_http_stream_reset)
NOT_ASKED_FOR(downstream_above_write_buffer_high_watermark)
NOT_ASKED_FOR(downstream_below_write_buffer_low_watermark)
