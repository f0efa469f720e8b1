/* SPDX-License-Identifier: MIT */
/* What an interaction replies. */
#include "pool/pool.h"

#include "value/error.h"

void hf_reply_value(hf_reply *r, void *value, hf_free_fn *free_value)
{
	if (!r) {
		if (free_value)
			free_value(value);
		return;
	}
	if (r->outcome.free_value)
		r->outcome.free_value(r->outcome.value);
	r->outcome.value = value;
	r->outcome.free_value = free_value;
}

void hf_reply_result(hf_reply *r, const hf_result *res)
{
	hf_result *mine;

	if (!r)
		return;
	mine = hf_result_ref(res);
	hf_result_unref(r->outcome.result);
	r->outcome.result = mine;
}

hf_status hf__reply_fail(hf_reply *r, hf_error *e)
{
	hf_error_unref(r->outcome.error);
	r->outcome.error = e;
	return HF_E_USER;
}

void hf__reply_keep(hf_reply *r)
{
	r->keeps = true;
}

hf_status hf_fail(hf_reply *r, const char *fmt, ...)
{
	va_list ap;

	if (!r || !fmt)
		return HF_E_USER;
	hf_error_unref(r->outcome.error);
	va_start(ap, fmt);
	r->outcome.error = hf__error_vfmt(HF_E_USER, 0, fmt, ap);
	va_end(ap);
	return HF_E_USER;
}
