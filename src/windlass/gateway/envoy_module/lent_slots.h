/* The slots that the gate has lent to this Envoy: all its workers take them from one place. */

#pragma once

#include "envoy.h"

/* What one route says of what is lent of its workload. */
typedef struct lending lending;
typedef struct replica replica;

/* Reads what a route says:
 *
 *     WORKLOAD VERSION ERA WHOLE MILLISECONDS
 *     ADDRESS COUNT
 *     ...
 *
 * Of several that speak of the same workload, what the highest version says counts: at once where it
 * takes back, whatever routes the workers know. ERA is the version with which the gate began to lend,
 * 0 where it has taken all back; WHOLE is 1 where it has lent all there are, else 0; MILLISECONDS is
 * the time-out. Null where it is not of this form. */
EXPORTED lending *lending_heard(text said);
EXPORTED void lending_forgotten(lending *);

/* A slot on the replica with the fewest requests, null where none is free: of those that this route
 * speaks of, since a worker that knows no more than it may not have heard of others. Where the gate has
 * lent all there are, none is handed out any more then, until it says so: whoever comes later must not
 * overtake one that waits there. */
EXPORTED replica *slot_taken(const lending *);
EXPORTED void slot_returned(replica *);

/* A request that was refused a slot here, and so asks the gate for one. */
typedef struct asking asking;

EXPORTED asking *asking_begun(const lending *);
/* It has ended. Where the gate granted it a slot at this address for an era that has not ended, that
 * slot is lent from then on: the gate hears of the same end, and takes it for so. */
EXPORTED void asking_ended(asking *, text address, text era);

/* The replica's address, once for each try. */
EXPORTED text replica_address(const replica *);
EXPORTED text lending_milliseconds(const lending *);
