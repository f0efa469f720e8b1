/* SPDX-License-Identifier: MIT */
/* Waking a thread that sleeps in poll(). */
#include "base/wake.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool hf__wake_init(hf__wake *w)
{
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->fd >= 0;
}

void hf__wake_finish(hf__wake *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void hf__wake_signal(const hf__wake *w)
{
	uint64_t one = 1;
	/* EAGAIN means that the counter is full, so the descriptor is readable: that is what was
	 * wanted. */
	ssize_t ignored = write(w->fd, &one, sizeof one);

	(void)ignored;
}

void hf__wake_clear(const hf__wake *w)
{
	uint64_t n;
	ssize_t ignored = read(w->fd, &n, sizeof n);

	(void)ignored;
}
