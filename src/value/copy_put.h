/* SPDX-License-Identifier: MIT */
/* What the binary encoders of COPY share. */
#ifndef HF_VALUE_COPY_PUT_H
#define HF_VALUE_COPY_PUT_H

#include "base/attr.h"
#include "value/copy_row.h"

#include <endian.h>
#include <string.h>

/* Room for n bytes at the end; NULL: no memory. */
static inline char *hf__room(hf__strbuf *b, size_t n)
{
	char *at;

	if (hf_unlikely(b->cap <= n || b->n >= b->cap - n) && !hf__strbuf_reserve(b, n))
		return NULL;
	at = b->s + b->n;
	b->n += n;
	b->s[b->n] = '\0';
	return at;
}

static inline char *hf__put2(char *p, uint16_t x)
{
	x = htobe16(x);
	memcpy(p, &x, sizeof x);
	return p + sizeof x;
}

static inline char *hf__put4(char *p, uint32_t x)
{
	x = htobe32(x);
	memcpy(p, &x, sizeof x);
	return p + sizeof x;
}

static inline char *hf__put8(char *p, uint64_t x)
{
	x = htobe64(x);
	memcpy(p, &x, sizeof x);
	return p + sizeof x;
}

/* Room for a value of n bytes behind its length, which is written. */
static inline char *hf__put_begin(hf__put *p, size_t n)
{
	char *at = hf__room(p->to, 4 + n);

	return at ? hf__put4(at, (uint32_t)n) : NULL;
}

/* A whole value of that many bytes behind its length. */
static inline hf__fit hf__put_value2(hf__put *p, uint16_t x)
{
	char *at = hf__put_begin(p, 2);

	if (at)
		hf__put2(at, x);
	return at ? HF__FIT : HF__FIT_NOMEM;
}

static inline hf__fit hf__put_value4(hf__put *p, uint32_t x)
{
	char *at = hf__put_begin(p, 4);

	if (at)
		hf__put4(at, x);
	return at ? HF__FIT : HF__FIT_NOMEM;
}

static inline hf__fit hf__put_value8(hf__put *p, uint64_t x)
{
	char *at = hf__put_begin(p, 8);

	if (at)
		hf__put8(at, x);
	return at ? HF__FIT : HF__FIT_NOMEM;
}

/* copy_value.c: numbers and texts; the public of them are in hf__put_fn_of. */
hf__put_fn hf__put_wire_int2, hf__put_wire_int4, hf__put_wire_int8, hf__put_wire_uint,
	hf__put_wire_float4, hf__put_wire_float8, hf__put_wire_numeric, hf__put_wire_text,
	hf__put_wire_json, hf__put_wire_bytea;

#endif
