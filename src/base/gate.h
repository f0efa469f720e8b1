/* SPDX-License-Identifier: MIT */
/* A counter that one thread sleeps on: what a condition and its mutex do with two calls of the
 * system each and a collision, with one. */
#ifndef HF_BASE_GATE_H
#define HF_BASE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct hf__gate {
	atomic_uint state;
} hf__gate;

void hf__gate_init(hf__gate *g);

/* Lets the sleeper pass once more. Whoever sleeps may have seen it and be gone, and the gate with
 * it, before this returns. Any thread; never blocks. */
void hf__gate_open(hf__gate *g);

/* Sleeps until it has been opened at least `n` times since it was made, or `deadline` (monotonic
 * ns) has passed: false. One thread only. */
bool hf__gate_wait(hf__gate *g, unsigned n, int64_t deadline);

#endif
