/* What Envoy calls. */

#include "filter.h"

#include "lent_slots.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 7 };

typedef struct {
    const filter *does;
    char *said;
    text words[MOST_WORDS];
} configured;

typedef struct {
    const filter *does;
    void *request;
} passing;

static const struct {
    const char *name;
    const filter *does;
} FILTERS[] = {{"windlass.lent_slot", &slot_filter}, {"windlass.upload", &upload_filter}};

static void forget(configured *gone) {
    free(gone->said);
    free(gone);
}

static configured *configured_as(const filter *does, text said) {
    configured *made = calloc(1, sizeof *made);
    made->does = does;
    made->said = strndup(said.at, said.length);
    const char *at = made->said;
    for (int each = 0; each < MOST_WORDS; each++) {
        size_t length = strcspn(at, "\n");
        made->words[each] = (text){at, length};
        at += length + (at[length] == '\n');
    }
    if (made->words[does->least_words - 1].length > 0) {
        return made;
    }
    forget(made);
    return NULL;
}

EXPORTED const char *envoy_dynamic_module_on_program_init(void) { return INTERFACE_VERSION; }

EXPORTED const void *envoy_dynamic_module_on_http_filter_config_new(void *envoy, text name,
                                                                    text said) {
    (void)envoy;
    for (size_t each = 0; each < sizeof FILTERS / sizeof *FILTERS; each++) {
        if (strlen(FILTERS[each].name) == name.length &&
            memcmp(FILTERS[each].name, name.at, name.length) == 0) {
            return configured_as(FILTERS[each].does, said);
        }
    }
    return NULL;
}

EXPORTED void envoy_dynamic_module_on_http_filter_config_destroy(const void *old) {
    forget((configured *)old);
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
    const configured *as = config;
    passing *made = malloc(sizeof *made);
    *made = (passing){as->does, as->does->begun(as->words)};
    return made;
}

EXPORTED int envoy_dynamic_module_on_http_filter_request_headers(stream envoy, const void *module,
                                                                 bool is_end) {
    (void)is_end;
    const passing *this = module;
    this->does->headers(envoy, this->request);
    return CONTINUE;
}

EXPORTED int envoy_dynamic_module_on_http_filter_request_body(stream envoy, const void *module,
                                                              bool is_end) {
    const passing *this = module;
    this->does->body(envoy, this->request, is_end);
    return CONTINUE;
}

EXPORTED int envoy_dynamic_module_on_http_filter_response_headers(stream envoy, const void *module,
                                                                  bool is_end) {
    (void)envoy, (void)is_end;
    const passing *this = module;
    this->does->answered(this->request);
    return CONTINUE;
}

EXPORTED void envoy_dynamic_module_on_http_filter_scheduled(stream envoy, const void *module,
                                                            uint64_t event) {
    (void)event;
    const passing *this = module;
    this->does->due(envoy, this->request);
}

EXPORTED void envoy_dynamic_module_on_http_filter_stream_complete(stream envoy,
                                                                  const void *module) {
    const passing *this = module;
    this->does->completed(envoy, this->request);
}

EXPORTED void envoy_dynamic_module_on_http_filter_destroy(const void *module) {
    passing *gone = (passing *)module;
    gone->does->ended(gone->request);
    free(gone);
}

/* What Envoy tells besides, and whoever it loads has to know. */

#define NOT_ASKED_FOR(what) \
    EXPORTED int envoy_dynamic_module_on_http_filter_##what(void) { return CONTINUE; }

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
