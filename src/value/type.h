/* SPDX-License-Identifier: MIT */
/* The column types that holdfast knows, and the shapes of the C types that they go into. */
#ifndef HF_VALUE_TYPE_H
#define HF_VALUE_TYPE_H

#include "value/codec.h"

enum {
	HF__OID_BOOL = 16,
	HF__OID_BYTEA = 17,
	HF__OID_NAME = 19,
	HF__OID_INT8 = 20,
	HF__OID_INT2 = 21,
	HF__OID_INT4 = 23,
	HF__OID_TEXT = 25,
	HF__OID_CIDR = 650,
	HF__OID_FLOAT8 = 701,
	HF__OID_MACADDR8 = 774,
	HF__OID_INET = 869,
	HF__OID_BPCHAR = 1042,
	HF__OID_VARCHAR = 1043,
	HF__OID_TIMESTAMP = 1114,
	HF__OID_TIMESTAMPTZ = 1184,
	HF__OID_UUID = 2950,
	HF__OID_JSONB = 3802
};

/* What a parser says of what it was given. */
typedef enum hf__got {
	HF__GOT,
	HF__GOT_BAD,   /* it is malformed */
	HF__GOT_RANGE, /* it is well formed, and too large for the C type */
} hf__got;

typedef struct hf__type {
	uint32_t oid, array; /* the type's own, and its array's */
	const char *name;
	hf_type tag; /* what its values are in C */
	int width;   /* bytes in binary format; 0: it varies; -1: its binary format is not known */
} hf__type;

/* NULL: unknown, to be read as text only. */
const hf__type *hf__type_of(uint32_t oid);

/* The type of the items of an array type; NULL: no array, or of something unknown. */
const hf__type *hf__type_of_items(uint32_t array_oid);

/* A destination without its flags. */
typedef struct hf__shape {
	const char *name; /* hf_<name>_opt, hf_<name>_array */
	bool is_struct;   /* the plain type is hf_<name>, too */
	bool has_array;   /* there is a hf_<name>_array */
	uint8_t size;
	uint8_t opt;  /* where v lies in hf_<name>_opt; 0: there is none */
	uint32_t oid; /* the column type of its name */
} hf__shape;

/* NULL: no such destination. */
const hf__shape *hf__shape_of(int tag);

/* "int2", "hf_uuid_opt", … of a destination's type, flags included. Returns buf. */
const char *hf__shape_name(int type, char *buf, size_t size);

/* The layout that all arrays share; copied in and out. */
typedef struct hf__any_array HF__ARRAY_OF(void) hf__any_array;

/* Item i of an array's items as a value; NULL pointers are SQL NULL. */
hf_value hf__item(int tag, const void *items, size_t i);

/* The array type of such items; 0: they go into more than one column type, so that nobody could
 * tell the array's. */
uint32_t hf__array_oid(int tag);

/* Big-endian numbers of the wire. */
static inline uint16_t hf__be16(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t hf__be32(const char *s)
{
	return (uint32_t)hf__be16(s) << 16 | hf__be16(s + 2);
}

static inline uint64_t hf__be64(const char *s)
{
	return (uint64_t)hf__be32(s) << 32 | hf__be32(s + 4);
}

#endif
