#include "lent_slots.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 2, LONGEST_WORD = 512 };

typedef unsigned long long version;
typedef struct workload workload;

struct replica {
    replica *next;
    workload *of;
    char *address;
    version since; /* That which began to lend here. */
    unsigned long lent;
    unsigned long busy;
    unsigned long turn; /* Grows with each slot that is taken, so that equals take turns. */
    bool is_listed;
};

struct workload {
    workload *next;
    replica *replicas;
    char *name;
    version heard;
    version era;
    unsigned long turns;
    unsigned long users; /* Routes that speak of it, slots that are taken, and who asks. */
    bool is_whole;
    bool is_shut;
};

struct lending {
    workload *of;
    version said;
    char milliseconds[24];
};

struct asking {
    workload *of;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static workload *workloads;

static void remove_replica(replica **at) {
    replica *gone = *at;
    *at = gone->next;
    free(gone->address);
    free(gone);
}

static void release(workload *each) {
    if (--each->users > 0) {
        return;
    }
    workload **at = &workloads;
    while (*at != each) {
        at = &(*at)->next;
    }
    *at = each->next;
    while (each->replicas != NULL) {
        remove_replica(&each->replicas);
    }
    free(each->name);
    free(each);
}

static workload *workload_named(const char *name) {
    for (workload *each = workloads; each != NULL; each = each->next) {
        if (strcmp(each->name, name) == 0) {
            return each;
        }
    }
    workload *made = calloc(1, sizeof *made);
    made->name = strdup(name);
    made->next = workloads;
    workloads = made;
    return made;
}

static replica *replica_known(const workload *of, text address) {
    for (replica *each = of->replicas; each != NULL; each = each->next) {
        if (strlen(each->address) == address.length &&
            memcmp(each->address, address.at, address.length) == 0) {
            return each;
        }
    }
    return NULL;
}

static replica *replica_at(workload *of, const char *address) {
    char tries[TRIES * LONGEST_WORD];
    int length = snprintf(tries, sizeof tries, "%s,%s", address, address);
    replica *known = replica_known(of, (text){tries, (size_t)length});
    if (known != NULL) {
        return known;
    }
    replica *made = calloc(1, sizeof *made);
    made->of = of;
    made->address = strdup(tries);
    made->next = of->replicas;
    of->replicas = made;
    return made;
}

/* Takes back what these lines do not lend, and lends what they do. */
static void obey(workload *each, version said, version era, bool is_whole, const char *lines) {
    each->heard = said;
    each->era = era;
    each->is_whole = is_whole;
    each->is_shut = false;
    for (replica *one = each->replicas; one != NULL; one = one->next) {
        one->lent = 0;
        one->is_listed = false;
    }
    char address[LONGEST_WORD];
    unsigned long count;
    int read;
    for (; sscanf(lines, "%511s %lu%n", address, &count, &read) == 2; lines += read) {
        replica *one = replica_at(each, address);
        one->lent = count;
        one->is_listed = true;
        if (one->since == 0) {
            one->since = said;
        }
    }
    replica **at = &each->replicas;
    while (*at != NULL) {
        if ((*at)->is_listed) {
            at = &(*at)->next;
        } else if ((*at)->busy > 0) {
            (*at)->since = 0;
            at = &(*at)->next;
        } else {
            remove_replica(at);
        }
    }
}

lending *lending_heard(text said) {
    char *copy = strndup(said.at, said.length);
    char name[LONGEST_WORD];
    version number, era;
    int is_whole, read;
    unsigned long milliseconds;
    lending *made = NULL;
    if (sscanf(copy, "%511s %llu %llu %d %lu%n", name, &number, &era, &is_whole, &milliseconds,
               &read) == 5) {
        made = calloc(1, sizeof *made);
        made->said = number;
        snprintf(made->milliseconds, sizeof made->milliseconds, "%lu", milliseconds);
        pthread_mutex_lock(&lock);
        made->of = workload_named(name);
        made->of->users++;
        if (number > made->of->heard) {
            obey(made->of, number, era, is_whole != 0, copy + read);
        }
        pthread_mutex_unlock(&lock);
    }
    free(copy);
    return made;
}

void lending_forgotten(lending *each) {
    pthread_mutex_lock(&lock);
    release(each->of);
    pthread_mutex_unlock(&lock);
    free(each);
}

static bool is_better(const replica *one, const replica *best) {
    return best == NULL || one->busy < best->busy ||
           (one->busy == best->busy && one->turn < best->turn);
}

replica *slot_taken(const lending *from) {
    workload *of = from->of;
    replica *best = NULL;
    pthread_mutex_lock(&lock);
    for (replica *each = of->is_shut ? NULL : of->replicas; each != NULL; each = each->next) {
        if (each->busy < each->lent && each->since <= from->said && is_better(each, best)) {
            best = each;
        }
    }
    if (best != NULL) {
        best->busy++;
        best->turn = ++of->turns;
        of->users++;
    } else if (of->is_whole && of->heard == from->said) {
        of->is_shut = true;
    }
    pthread_mutex_unlock(&lock);
    return best;
}

void slot_returned(replica *from) {
    pthread_mutex_lock(&lock);
    from->busy--;
    release(from->of);
    pthread_mutex_unlock(&lock);
}

asking *asking_begun(const lending *from) {
    asking *made = malloc(sizeof *made);
    pthread_mutex_lock(&lock);
    made->of = from->of;
    from->of->users++;
    pthread_mutex_unlock(&lock);
    return made;
}

void asking_ended(asking *each, text address, text era) {
    char number[24] = "";
    if (era.length < sizeof number) {
        memcpy(number, era.at, era.length);
    }
    version granted_for = strtoull(number, NULL, 10);
    pthread_mutex_lock(&lock);
    if (granted_for != 0 && granted_for == each->of->era) {
        replica *at = replica_known(each->of, address);
        if (at != NULL && at->is_listed) {
            at->lent++;
        }
    }
    release(each->of);
    pthread_mutex_unlock(&lock);
    free(each);
}

text replica_address(const replica *of) {
    return (text){of->address, strlen(of->address)};
}

text lending_milliseconds(const lending *of) {
    return (text){of->milliseconds, strlen(of->milliseconds)};
}
