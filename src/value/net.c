/* SPDX-License-Identifier: MIT */
/* Addresses and other short codes. */
#include "value/net.h"

#include "base/attr.h"
#include "value/number.h"

#include <apr_escape.h>
#include <apr_uuid.h>
#include <arpa/inet.h>
#include <string.h>

/* How the wire names address families: the server's own numbers, not the system's. */
enum { WIRE_V4 = 2, WIRE_V6 = 3 };

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hf__inet_valid(const hf_inet *v)
{
	return v->bits <= (v->v6 ? 128 : 32);
}

hf__got hf__inet_parse(const char *s, size_t n, bool is_cidr, hf_inet *out)
{
	const char *slash = memchr(s, '/', n);
	size_t len = slash ? (size_t)(slash - s) : n;
	hf_inet v = { .is_cidr = is_cidr };
	char text[INET6_ADDRSTRLEN];
	uint64_t bits;

	if (len >= sizeof text)
		return HF__GOT_BAD;
	memcpy(text, s, len);
	text[len] = '\0';
	v.v6 = memchr(text, ':', len) != NULL;
	if (inet_pton(v.v6 ? AF_INET6 : AF_INET, text, v.addr) != 1)
		return HF__GOT_BAD;
	bits = v.v6 ? 128 : 32;
	if (slash && hf__uint_parse(slash + 1, n - len - 1, &bits) != HF__GOT)
		return HF__GOT_BAD;
	v.bits = bits > 255 ? 255 : (uint8_t)bits;
	if (!hf__inet_valid(&v))
		return HF__GOT_BAD;
	*out = v;
	return HF__GOT;
}

hf__got hf__inet_wire(const char *data, size_t n, bool is_cidr, hf_inet *out)
{
	hf_inet v = { .is_cidr = is_cidr };
	size_t size;

	if (n < 4 || (data[0] != WIRE_V4 && data[0] != WIRE_V6))
		return HF__GOT_BAD;
	v.v6 = data[0] == WIRE_V6;
	v.bits = (uint8_t)data[1];
	size = v.v6 ? 16 : 4;
	if (data[3] != (char)size || n != 4 + size || !hf__inet_valid(&v))
		return HF__GOT_BAD;
	memcpy(v.addr, data + 4, size);
	*out = v;
	return HF__GOT;
}

void hf__inet_put_wire(char *to, const hf_inet *v, bool is_cidr)
{
	size_t size = v->v6 ? 16 : 4;

	to[0] = v->v6 ? WIRE_V6 : WIRE_V4;
	to[1] = (char)v->bits;
	to[2] = is_cidr;
	to[3] = (char)size;
	memcpy(to + 4, v->addr, size);
}

void hf__inet_text(hf__strbuf *b, const hf_inet *v)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(v->v6 ? AF_INET6 : AF_INET, v->addr, text, sizeof text);
	hf__strbuf_puts(b, text);
	if (v->is_cidr || v->bits != (v->v6 ? 128 : 32))
		hf__strbuf_printf(b, "/%d", v->bits);
}

hf__got hf__mac_parse(const char *s, size_t n, int bytes, hf_mac *out)
{
	hf_mac v = { .n = (uint8_t)bytes };

	if (n != (size_t)bytes * 3 - 1)
		return HF__GOT_BAD;
	for (int i = 0; i < bytes; i++, s += 3) {
		if (hex(s[0]) < 0 || hex(s[1]) < 0 || (i < bytes - 1 && s[2] != ':'))
			return HF__GOT_BAD;
		v.b[i] = (uint8_t)(hex(s[0]) << 4 | hex(s[1]));
	}
	*out = v;
	return HF__GOT;
}

void hf__mac_text(hf__strbuf *b, const hf_mac *v)
{
	for (int i = 0; i < v->n; i++)
		hf__strbuf_printf(b, "%s%02x", i ? ":" : "", v->b[i]);
}

static bool read_half(const char *s, size_t n, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (hex(s[i]) < 0)
			return false;
		*out = *out << 4 | (uint64_t)hex(s[i]);
	}
	return n >= 1 && n <= 8;
}

hf__got hf__lsn_parse(const char *s, size_t n, hf_lsn *out)
{
	const char *slash = memchr(s, '/', n);
	size_t len = slash ? (size_t)(slash - s) : 0;
	uint64_t high, low;

	if (!slash || !read_half(s, len, &high) || !read_half(slash + 1, n - len - 1, &low))
		return HF__GOT_BAD;
	out->v = high << 32 | low;
	return HF__GOT;
}

void hf__lsn_text(hf__strbuf *b, hf_lsn v)
{
	hf__strbuf_printf(b, "%X/%X", (unsigned)(v.v >> 32), (unsigned)(v.v & UINT32_MAX));
}

hf__got hf__uuid_parse(const char *s, size_t n, hf_uuid *out)
{
	apr_uuid_t v;

	if (n != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-')
		return HF__GOT_BAD;
	if (apr_uuid_parse(&v, s) != APR_SUCCESS)
		return HF__GOT_BAD;
	memcpy(out->b, v.data, sizeof out->b);
	return HF__GOT;
}

void hf__uuid_text(hf__strbuf *b, const hf_uuid *v)
{
	char text[APR_UUID_FORMATTED_LENGTH + 1];
	apr_uuid_t uuid;

	memcpy(uuid.data, v->b, sizeof uuid.data);
	apr_uuid_format(text, &uuid);
	hf__strbuf_puts(b, text);
}

static bool is_hex_form(const char *s, size_t n)
{
	return n >= 2 && s[0] == '\\' && s[1] == 'x';
}

static hf__got hex_size(const char *s, size_t n, size_t *size)
{
	for (size_t i = 0; i < n; i++)
		if (hex(s[i]) < 0)
			return HF__GOT_BAD;
	*size = n / 2;
	return n % 2 == 0 ? HF__GOT : HF__GOT_BAD;
}

/* How long the escape at s is: \\ or \ooo; 0: it is none. */
static size_t escape_len(const char *s, size_t n)
{
	if (n >= 2 && s[1] == '\\')
		return 2;
	if (n < 4 || s[1] < '0' || s[1] > '3' || s[2] < '0' || s[2] > '7' || s[3] < '0' ||
		s[3] > '7')
		return 0;
	return 4;
}

hf__got hf__bytea_size(const char *s, size_t n, size_t *size)
{
	size_t count = 0, step;

	if (is_hex_form(s, n))
		return hex_size(s + 2, n - 2, size);
	for (size_t i = 0; i < n; i += step, count++) {
		step = s[i] == '\\' ? escape_len(s + i, n - i) : 1;
		if (step == 0)
			return HF__GOT_BAD;
	}
	*size = count;
	return HF__GOT;
}

void hf__bytea_read(const char *s, size_t n, unsigned char *out)
{
	size_t step;

	if (is_hex_form(s, n)) {
		for (size_t i = 2; i + 1 < n; i += 2)
			*out++ = (unsigned char)(hex(s[i]) << 4 | hex(s[i + 1]));
		return;
	}
	for (size_t i = 0; i < n; i += step) {
		step = s[i] == '\\' ? escape_len(s + i, n - i) : 1;
		if (step == 4)
			*out++ = (unsigned char)((s[i + 1] - '0') << 6 | (s[i + 2] - '0') << 3 |
						 (s[i + 3] - '0'));
		else
			*out++ = (unsigned char)s[i];
	}
}

void hf__bytea_text(hf__strbuf *b, hf_bytes v)
{
	size_t more;

	hf__strbuf_puts(b, "\\x");
	if (v.len == 0)
		return;
	if (__builtin_mul_overflow(v.len, 2, &more) || !hf__strbuf_reserve(b, more)) {
		b->failed = true;
		return;
	}
	apr_escape_hex(b->s + b->n, v.data, v.len, 0, NULL);
	b->n += more;
	b->s[b->n] = '\0';
}
