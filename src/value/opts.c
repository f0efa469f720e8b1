/* SPDX-License-Identifier: MIT */
/* Option structs across versions. */
#include "value/opts.h"

#include "value/error.h"

#include <string.h>

/* Larger than any struct will ever be: a size beyond it is garbage, not a newer caller. */
#define SANE_SIZE 4096

hf_status hf__opts_copy(
	void *dst, size_t dst_size, const void *src, const char *macro, hf_error **out_error)
{
	size_t size;

	memset(dst, 0, dst_size);
	if (!src) {
		memcpy(dst, &dst_size, sizeof dst_size);
		return HF_OK;
	}
	memcpy(&size, src, sizeof size);
	if (size < sizeof size || size > SANE_SIZE)
		return hf__error_give(
			hf__error_fmt(HF_E_MISUSE, 0,
				"struct_size is %zu: make the options with %s(...)", size, macro),
			out_error);
	memcpy(dst, src,
		size < dst_size ? size : dst_size); /* also where refused: free functions run */
	memcpy(dst, &dst_size, sizeof dst_size);
	for (size_t i = dst_size; i < size; i++)
		if (((const char *)src)[i] != 0)
			return hf__error_give(hf__error_fmt(HF_E_MISUSE, 0,
						      "%s of %zu bytes sets an option that this "
						      "library (%zu bytes) does not know",
						      macro, size, dst_size),
				out_error);
	return HF_OK;
}
