#include "deadlines.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct deadline {
    struct deadline *next, *previous;
    void *scheduler;
    double due; /* Seconds of the monotonic clock; infinite once it has come. */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sooner;
static pthread_once_t started = PTHREAD_ONCE_INIT;
static deadline *deadlines;
static double awake_at = INFINITY; /* When the thread below looks next. */

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

/* Says of each that has come that it has; when the next one does. */
static double look(void) {
    double moment = now(), next = INFINITY;
    for (deadline *each = deadlines; each != NULL; each = each->next) {
        if (each->due <= moment) {
            each->due = INFINITY;
            envoy_dynamic_module_callback_http_filter_scheduler_commit(each->scheduler, 0);
        }
        next = fmin(next, each->due);
    }
    return next;
}

static void *watch(void *nothing) {
    pthread_mutex_lock(&lock);
    for (;;) {
        awake_at = look();
        if (isinf(awake_at)) {
            pthread_cond_wait(&sooner, &lock);
        } else {
            double whole = floor(awake_at);
            struct timespec until = {(time_t)whole, (long)((awake_at - whole) * 1e9)};
            pthread_cond_timedwait(&sooner, &lock, &until);
        }
    }
    return nothing;
}

static void start(void) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sooner, &monotonic);
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, NULL) == 0) {
        pthread_detach(thread);
    }
}

deadline *deadline_set(stream of, double seconds) {
    pthread_once(&started, start);
    deadline *made = calloc(1, sizeof *made);
    made->scheduler = envoy_dynamic_module_callback_http_filter_scheduler_new(of);
    made->due = now() + seconds;
    pthread_mutex_lock(&lock);
    made->next = deadlines;
    if (deadlines != NULL) {
        deadlines->previous = made;
    }
    deadlines = made;
    if (made->due < awake_at) {
        pthread_cond_signal(&sooner);
    }
    pthread_mutex_unlock(&lock);
    return made;
}

void deadline_taken_back(deadline *each) {
    pthread_mutex_lock(&lock);
    if (each->previous != NULL) {
        each->previous->next = each->next;
    } else {
        deadlines = each->next;
    }
    if (each->next != NULL) {
        each->next->previous = each->previous;
    }
    pthread_mutex_unlock(&lock);
    envoy_dynamic_module_callback_http_filter_scheduler_delete(each->scheduler);
    free(each);
}
