/* Sees to it that a request whose replica lets no connection in can be sent to another, however large
 * its body is, and that nothing is kept of a body once that can no longer happen.
 *
 * Envoy keeps what has come of a body for another try, as much as its buffer limit says: with a piece
 * that is too much, it gives up on that. And where more is kept than the limit says, it reads no more.
 * Before there is a connection, the limit is lifted; as much comes as may wait for one connection, or,
 * between two tries, until the limit is lowered for a while. Once there is a connection, what reaches
 * the replica is not sent again; so of a body that is too large to be kept, nothing need be. */

#include "deadlines.h"
#include "filter.h"

#include <math.h>
#include <stdlib.h>

enum { LONGEST_NUMBER = 20 };
static const uint64_t NO_LIMIT = 1 << 30, MOST_KEPT = 1 << 20, NOTHING = 1;
static const double FIRST_PAUSE_SECONDS = 0.005, LONGEST_PAUSE_SECONDS = 0.2;
static const text LENGTH = {"content-length", 14};

/* How much it keeps whether or not there is a connection, 0 where that matters. The others are missing
 * where every request goes to a replica. */
enum { KEEPS, SLOT_FILTER, SLOT };

typedef enum { NOT_BEGUN, UNCONNECTED, KEEPS_NOTHING, DONE } stage;

typedef struct {
    const text *words;
    stage stage;
    uint64_t limit; /* Envoy's own. */
    bool is_paused;
    double pause_seconds;
    deadline *look;
} request;

static uint64_t number(text of) {
    char digits[LONGEST_NUMBER + 1] = "";
    for (size_t each = 0; each < of.length && each < LONGEST_NUMBER; each++) {
        digits[each] = of.at[each];
    }
    return strtoull(digits, NULL, 10);
}

static void *begun(const text *words) {
    request *made = calloc(1, sizeof *made);
    made->words = words;
    return made;
}

static uint64_t length_said(stream envoy) {
    text said = {NULL, 0};
    bool is_said = envoy_dynamic_module_callback_http_get_header(envoy, REQUEST_HEADERS, LENGTH,
                                                                 &said, 0, NULL);
    return is_said ? number(said) : 0;
}

static bool is_connected(stream envoy) {
    return envoy_dynamic_module_callback_http_get_upstream_connection_id(envoy) != 0;
}

/* Else it goes on within Envoy, which lets it in at once. */
static bool goes_to_replica(stream envoy, const text *words) {
    text slot;
    return words[SLOT_FILTER].length == 0 ||
           envoy_dynamic_module_callback_http_get_metadata_string(
               envoy, OF_REQUEST, words[SLOT_FILTER], words[SLOT], &slot);
}

static uint64_t kept(stream envoy) {
    return envoy_dynamic_module_callback_http_get_body_size(envoy, BUFFERED_REQUEST_BODY);
}

static void set_limit(stream envoy, uint64_t bytes) {
    envoy_dynamic_module_callback_http_set_buffer_limit(envoy, bytes);
}

static void look_no_more(request *this) {
    if (this->look != NULL) {
        deadline_taken_back(this->look);
        this->look = NULL;
    }
}

static void first_piece(stream envoy, request *this, bool is_last) {
    this->limit = envoy_dynamic_module_callback_http_get_buffer_limit(envoy);
    this->stage = DONE;
    uint64_t keeps = number(this->words[KEEPS]);
    if (keeps > 0) {
        set_limit(envoy, keeps);
    } else if (!is_connected(envoy) && goes_to_replica(envoy, this->words)) {
        set_limit(envoy, NO_LIMIT);
        this->stage = UNCONNECTED;
    } else if (!is_last && length_said(envoy) > this->limit) {
        set_limit(envoy, NOTHING);
        this->stage = KEEPS_NOTHING;
    }
}

static void connected(stream envoy, request *this) {
    look_no_more(this);
    /* Envoy reads on where what is kept is not more than the limit says; where it had been, not more
     * than half of that. */
    uint64_t least = kept(envoy) * (this->is_paused ? 2 : 1);
    set_limit(envoy, least > this->limit ? least : this->limit);
    this->stage = DONE;
}

static void unconnected_piece(stream envoy, request *this) {
    /* It may come although no more was to be read: read before that was said. */
    set_limit(envoy, NO_LIMIT);
    this->is_paused = false;
    if (this->look == NULL && kept(envoy) > MOST_KEPT) {
        this->look = deadline_set(envoy, 0);
    }
}

static void body(stream envoy, void *module, bool is_end) {
    request *this = module;
    if (this->stage == NOT_BEGUN) {
        first_piece(envoy, this, is_end);
    } else if (this->stage == KEEPS_NOTHING) {
        /* Envoy has given up on another try. */
        set_limit(envoy, this->limit);
        this->stage = DONE;
    } else if (this->stage == UNCONNECTED && is_connected(envoy)) {
        connected(envoy, this);
    } else if (this->stage == UNCONNECTED) {
        unconnected_piece(envoy, this);
    }
}

static void due(stream envoy, void *module) {
    request *this = module;
    if (this->look == NULL) {
        return;
    }
    if (is_connected(envoy)) {
        connected(envoy, this);
        return;
    }
    look_no_more(this);
    set_limit(envoy, NOTHING);
    this->is_paused = true;
    this->pause_seconds = fmin(fmax(2 * this->pause_seconds, FIRST_PAUSE_SECONDS),
                               LONGEST_PAUSE_SECONDS);
    this->look = deadline_set(envoy, this->pause_seconds);
}

static void ended(void *module) {
    look_no_more(module);
    free(module);
}

static void of_no_interest(stream envoy, void *module) { (void)envoy, (void)module; }

static void answered(void *module) { (void)module; }

const filter upload_filter = {
    1, begun, of_no_interest, body, answered, due, of_no_interest, ended,
};
