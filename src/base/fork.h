/* SPDX-License-Identifier: MIT */
/* fork(): the child must neither use nor end the sessions of its parent.
 *
 * A handler counts forks; an object remembers the count it was made under, and every entry point
 * compares. The handler also closes the sockets listed here, so that a child cannot keep a session,
 * and the row locks in it, alive after its parent has died. It says nothing to the server: closing
 * a descriptor that the parent still has open ends nothing. */
#ifndef HF_BASE_FORK_H
#define HF_BASE_FORK_H

#include <stdbool.h>

/* Installs the handler; once per process, from any thread. */
void hf__fork_watch(void);

/* How often this process has come out of fork() as the child since the handler was installed. */
unsigned hf__fork_count(void);

/* Lists a socket to be closed in children: set after connecting. Returns its slot, or -1 when the
 * table is full (the child then keeps the descriptor open). Clear the slot *before* the socket is
 * closed: the number may be somebody else's right afterwards. */
int hf__fork_list(int fd);
void hf__fork_unlist(int slot);

#endif
