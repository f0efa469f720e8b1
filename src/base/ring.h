/* SPDX-License-Identifier: MIT */
/* APR's rings (lists with the links inside the elements), without the cast that warns.
 *
 * APR declares its links volatile and then casts that away in one macro; that one is replaced. What
 * a ring holds is guarded by its owner's lock, as everything else. */
#ifndef HF_BASE_RING_H
#define HF_BASE_RING_H

#include <apr_ring.h>
#include <stddef.h>
#include <stdint.h>

#undef APR_RING_SENTINEL
#define APR_RING_SENTINEL(hp, elem, link)                                                          \
	((struct elem *)((uintptr_t) & (hp)->next - offsetof(struct elem, link)))

#endif
