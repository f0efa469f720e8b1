/* SPDX-License-Identifier: MIT */
/* Waking a thread that sleeps in poll(). */
#ifndef HF_BASE_WAKE_H
#define HF_BASE_WAKE_H

#include <stdbool.h>

typedef struct hf__wake {
	int fd; /* readable once signalled, until cleared; -1 when not initialised */
} hf__wake;

bool hf__wake_init(hf__wake *w); /* false: no descriptor */
void hf__wake_finish(hf__wake *w);
void hf__wake_signal(const hf__wake *w);
void hf__wake_clear(const hf__wake *w);

#endif
