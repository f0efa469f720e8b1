/* SPDX-License-Identifier: MIT */
/* The calling thread's own descriptor to be woken by while it sleeps in poll(). */
#ifndef HF_ASYNC_BELL_H
#define HF_ASYNC_BELL_H

#include "base/wake.h"

/* Made when it is first asked for, closed when the thread ends; a child of fork() makes its own.
 * NULL: there is no descriptor. */
const hf__wake *hf__bell(void);

#endif
