/* SPDX-License-Identifier: MIT */
/* Arrays as text: {1,NULL,"a b"}, nested, with lower bounds. */
#include "value/decode.h"

#include "value/text.h"

#include <string.h>
#include <strings.h>

bool hf__dims_valid(int ndim, const int32_t *dim, const int32_t *lower, size_t n)
{
	size_t product = 1;
	int32_t upper;

	if (ndim < 0 || ndim > HF_MAXDIM)
		return false;
	if (ndim == 0)
		return n == 0;
	for (int i = 0; i < ndim; i++) {
		if (dim[i] <= 0 || __builtin_mul_overflow(product, (size_t)dim[i], &product))
			return false;
		if (__builtin_add_overflow(lower[i], dim[i], &upper))
			return false;
	}
	return product == n;
}

void hf__put_bounds(hf__strbuf *b, int ndim, const int32_t *dim, const int32_t *lower)
{
	bool usual = true;

	for (int i = 0; i < ndim; i++)
		usual &= lower[i] == 1;
	if (usual)
		return;
	for (int i = 0; i < ndim; i++)
		hf__strbuf_printf(b, "[%d:%d]", lower[i], lower[i] + dim[i] - 1);
	hf__strbuf_putc(b, '=');
}

void hf__put_open(hf__strbuf *b, int ndim, const int32_t *dim, size_t i)
{
	size_t stride = 1;

	if (i > 0)
		hf__strbuf_putc(b, ',');
	for (int d = ndim - 1; d >= 0; d--) {
		stride *= (size_t)dim[d];
		if (i % stride == 0)
			hf__strbuf_putc(b, '{');
	}
}

void hf__put_close(hf__strbuf *b, int ndim, const int32_t *dim, size_t i)
{
	size_t stride = 1;

	for (int d = ndim - 1; d >= 0; d--) {
		stride *= (size_t)dim[d];
		if ((i + 1) % stride == 0)
			hf__strbuf_putc(b, '}');
	}
}

static bool needs_quotes(const char *s, size_t n)
{
	if (n == 0 || (n == 4 && strncasecmp(s, "null", n) == 0))
		return true;
	for (size_t i = 0; i < n; i++)
		if (strchr("{},\"\\ \t\n\r\v\f", s[i]))
			return true;
	return false;
}

void hf__put_item(hf__strbuf *b, const char *s, size_t n)
{
	if (!needs_quotes(s, n)) {
		hf__strbuf_add(b, s, n);
		return;
	}
	hf__strbuf_putc(b, '"');
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"' || s[i] == '\\')
			hf__strbuf_putc(b, '\\');
		hf__strbuf_putc(b, s[i]);
	}
	hf__strbuf_putc(b, '"');
}

static const char *put_value(hf__strbuf *b, const hf_value *v, hf__strbuf *scratch)
{
	const char *why;

	if (v->type == HF_T_NULL) {
		hf__strbuf_puts(b, "NULL");
		return NULL;
	}
	if (v->type == HF_T_BOOL) {
		hf__strbuf_putc(b, v->as.b ? 't' : 'f');
		return NULL;
	}
	hf__strbuf_clear(scratch);
	why = hf__put_text(scratch, v);
	b->failed |= scratch->failed;
	if (!why)
		hf__put_item(b, hf__strbuf_text(scratch), scratch->n);
	return why;
}

const char *hf__put_array(hf__strbuf *b, int tag, const void *array)
{
	hf__strbuf scratch = HF__STRBUF_INIT;
	const char *why = NULL;
	hf__any_array a;

	if (!hf__shape_of(tag) || !array)
		return "the value is no array that can be passed";
	memcpy(&a, array, sizeof a);
	if (a.n > 0 && !a.v)
		return "the array has no items to point to";
	if (a.n > 0 ? !hf__dims_valid(a.ndim, a.dim, a.lower, a.n) : a.ndim < 0 || a.ndim > 1)
		return "the dimensions of the array do not multiply to its n, at most 6 of them";
	if (a.n == 0) {
		hf__strbuf_puts(b, "{}");
		return NULL;
	}
	hf__put_bounds(b, a.ndim, a.dim, a.lower);
	for (size_t i = 0; i < a.n && !why && !b->failed; i++) {
		hf_value v = a.null && a.null[i] ? hf_v_null() : hf__item(tag, a.v, i);

		hf__put_open(b, a.ndim, a.dim, i);
		why = put_value(b, &v, &scratch);
		hf__put_close(b, a.ndim, a.dim, i);
	}
	hf__strbuf_finish(&scratch);
	return why;
}
