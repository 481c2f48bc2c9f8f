/* The part of Envoy's interface for dynamic modules that is used here, as of version 0.2 of it
 * (Envoy 1.40): envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/advanced/dynamic_modules */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTERFACE_VERSION "v0.2.0"
#define EXPORTED __attribute__((visibility("default")))

typedef struct {
    const char *at;
    size_t length;
} text;

typedef struct {
    const char *key;
    size_t key_length;
    const char *value;
    size_t value_length;
} header;

/* One HTTP request, as Envoy knows it: only in the calls that name it, and only in its thread. */
typedef void *stream;

enum { REQUEST_HEADERS = 0 };
enum { BUFFERED_REQUEST_BODY = 1 };
enum { OF_REQUEST = 0 }; /* Metadata that filters set. */
enum { CONTINUE = 0 };

bool envoy_dynamic_module_callback_http_get_header(stream, int kind, text key, text *value,
                                                   size_t index, size_t *count);
bool envoy_dynamic_module_callback_http_set_header(stream, int kind, text key, text value);
void envoy_dynamic_module_callback_http_set_dynamic_metadata_string(stream, text filter, text key,
                                                                    text value);
bool envoy_dynamic_module_callback_http_get_metadata_string(stream, int whose, text filter, text key,
                                                            text *value);
void envoy_dynamic_module_callback_http_clear_route_cache(stream);
const void *envoy_dynamic_module_callback_get_most_specific_route_config(stream);
void envoy_dynamic_module_callback_http_send_response(stream, uint32_t status, header *headers,
                                                      size_t count, text body, text details);
size_t envoy_dynamic_module_callback_http_get_body_size(stream, int kind);
uint64_t envoy_dynamic_module_callback_http_get_buffer_limit(stream);
void envoy_dynamic_module_callback_http_set_buffer_limit(stream, uint64_t bytes);
uint64_t envoy_dynamic_module_callback_http_get_upstream_connection_id(stream);
void *envoy_dynamic_module_callback_http_filter_scheduler_new(stream);
void envoy_dynamic_module_callback_http_filter_scheduler_commit(void *scheduler, uint64_t event);
void envoy_dynamic_module_callback_http_filter_scheduler_delete(void *scheduler);
