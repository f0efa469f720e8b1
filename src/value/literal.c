/* SPDX-License-Identifier: MIT */
/* SQL literals, identifiers, and UTF-8. */
#include "value/codec.h"

#include "base/attr.h"
#include "value/error.h"
#include "value/number.h"
#include "value/text.h"

#include <math.h>
#include <string.h>

/* What the server keeps of a name. */
#define NAME_MAX_BYTES 63

/* The length of the well-formed sequence at s; 0: there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len;

	if (s[0] < 0x80)
		return s[0] != 0;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	if (s[0] == 0xe0)
		lo = 0xa0; /* shorter forms exist */
	else if (s[0] == 0xed)
		hi = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f; /* beyond U+10FFFF */
	if (s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* How many of the bytes are plain ASCII without NUL, as far as can be seen eight at a time. The
 * carry of a NUL may reach its neighbour, never hide one. */
static size_t ascii_len(const unsigned char *s, size_t n)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	size_t i = 0;
	uint64_t x;

	for (; n - i >= sizeof x; i += sizeof x) {
		memcpy(&x, s + i, sizeof x);
		if (((x - ones) | x) & high)
			break;
	}
	return i;
}

bool hf__utf8_valid(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t len;

	for (size_t i = ascii_len(p, n); i < n; i += len) {
		len = utf8_len(p + i, n - i);
		if (len == 0)
			return false;
		if (len > 1)
			len += ascii_len(p + i + len, n - i - len);
	}
	return true;
}

/* Doubles the two characters wherever they stand. */
static void put_doubled(hf__strbuf *b, const char *s, size_t n, char one, char other)
{
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] != one && s[i] != other)
			continue;
		hf__strbuf_add(b, s + from, i + 1 - from);
		from = i;
	}
	hf__strbuf_add(b, s + from, n - from);
}

void hf__put_quoted(hf__strbuf *b, const char *s, size_t n)
{
	hf__strbuf_puts(b, memchr(s, '\\', n) ? "E'" : "'");
	put_doubled(b, s, n, '\'', '\\');
	hf__strbuf_putc(b, '\'');
}

/* What SQL takes without quotes, and NULL. */
static bool put_bare(hf__strbuf *b, const hf_value *v)
{
	switch ((int)v->type) {
	case HF_T_BOOL:
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
	case HF_T_UINT8:
		break;
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
		if (!isfinite(v->as.f) || (fpclassify(v->as.f) == FP_ZERO && signbit(v->as.f)))
			return false;
		break;
	case HF_T_NUMERIC:
		if (!v->as.s || !hf__decimal_valid(v->as.s, strlen(v->as.s)))
			return false;
		break;
	default:
		return false;
	}
	hf__put_text(b, v);
	return true;
}

/* The type that a literal is cast to; "" for what the server shall infer, as for a parameter. */
static const char *cast_of(const hf_value *v, const char **brackets)
{
	uint32_t oid = hf__param_type(v);
	int tag = (int)v->type & ~HF_T_ARRAY;

	*brackets = (int)v->type & HF_T_ARRAY ? "[]" : "";
	if (**brackets)
		oid = hf__array_oid(tag) ? hf__shape_of(tag)->oid : 0;
	else if (tag == HF_T_FLOAT4 || tag == HF_T_FLOAT8 || tag == HF_T_NUMERIC)
		oid = hf__shape_of(tag) ? hf__shape_of(tag)->oid : 0;
	return oid ? hf__type_of(oid)->name : "";
}

/* '…'::type */
static const char *put_cast(hf__strbuf *b, const hf_value *v)
{
	hf__strbuf text = HF__STRBUF_INIT;
	const char *why = hf__put_text(&text, v), *brackets, *type = cast_of(v, &brackets);

	b->failed |= text.failed;
	if (!why && !b->failed) {
		hf__put_quoted(b, hf__strbuf_text(&text), text.n);
		if (*type)
			hf__strbuf_printf(b, "::%s%s", type, brackets);
	}
	hf__strbuf_finish(&text);
	return why;
}

hf_status hf__value_literal(hf__strbuf *b, const hf_value *v, hf_error **out_error)
{
	const char *why = NULL;

	if (hf__value_is_null(v))
		hf__strbuf_puts(b, "NULL");
	else if (!put_bare(b, v))
		why = put_cast(b, v);
	if (why)
		return hf__error_give(hf__error_fmt(HF_E_MISUSE, 0, "%s", why), out_error);
	return b->failed ? hf__error_give(hf__error_nomem(), out_error) : HF_OK;
}

hf_status hf__ident(hf__strbuf *b, const char *name, const char *what, hf_error **out_error)
{
	size_t n = name ? strnlen(name, NAME_MAX_BYTES + 1) : 0;
	const char *why = NULL;

	if (n == 0)
		why = "is empty";
	else if (n > NAME_MAX_BYTES)
		why = "has more than 63 bytes";
	else if (!hf__utf8_valid(name, n))
		why = "is not valid UTF-8";
	if (why)
		return hf__error_give(
			hf__error_fmt(HF_E_MISUSE, 0, "the name of the %s %s", what, why),
			out_error);
	hf__strbuf_putc(b, '"');
	put_doubled(b, name, n, '"', '"');
	hf__strbuf_putc(b, '"');
	return b->failed ? hf__error_give(hf__error_nomem(), out_error) : HF_OK;
}
