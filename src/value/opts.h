/* SPDX-License-Identifier: MIT */
/* Option structs across versions: their first member is their size. */
#ifndef HF_VALUE_OPTS_H
#define HF_VALUE_OPTS_H

#include <holdfast/status.h>

/* Copies `src` over the zeroed `dst` of dst_size bytes. A shorter src (an older caller) leaves the
 * rest zero; a longer one (a newer caller) is accepted only if what this library does not know is
 * zero. NULL src: all zero. `macro` names the macro that sets the size, for the message. HF_OK or
 * HF_E_MISUSE with *out_error set. */
hf_status hf__opts_copy(
	void *dst, size_t dst_size, const void *src, const char *macro, hf_error **out_error);

#endif
