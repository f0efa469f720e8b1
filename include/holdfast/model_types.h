/* SPDX-License-Identifier: MIT */
/* The SQL types of a model's columns, and the C types that may hold them: what HF_COLUMN of model.h
 * is made of. Users read the table here; the rest is for the compiler.
 *
 *   in HF_COLUMN                      NOT_NULL                    NULLABLE
 *   BOOL                              bool                        hf_bool_opt
 *   INT2 INT4 INT8                    int16_t int32_t int64_t     hf_int2_opt …
 *   OID XID XID8                      int64_t                     hf_int8_opt
 *   FLOAT4 FLOAT8                     float double                hf_float4_opt hf_float8_opt
 *   NUMERIC DECIMAL(p, s)             hf_numeric                  hf_numeric
 *   TEXT VARCHAR(n) CHARACTER(n)      const char *                const char *
 *   BYTEA                             hf_bytes                    hf_bytes
 *   TIMESTAMPTZ TIMESTAMP DATE        hf_timestamptz …            hf_timestamptz_opt …
 *   TIME TIMETZ INTERVAL              hf_time_of_day …            hf_time_of_day_opt …
 *   UUID                              hf_uuid                     hf_uuid_opt
 *   JSON JSONB                        hf_json                     hf_json
 *   INET CIDR MACADDR MACADDR8        hf_inet hf_mac              hf_inet_opt hf_mac_opt
 *   PG_LSN                            hf_lsn                      hf_lsn_opt
 *   ENUM(mood)                        enum mood                   hf_enum_opt
 *   ENUM_INT4(mood)                   the same, kept as its number in an integer
 *   ARRAY(TEXT)                       hf_text_array               hf_text_array
 *   ARRAY(JSONB), ARRAY(BYTEA) …      hf_json_array, hf_bytes_array …: of all above but those with
 *                                     a length, OID, XID, XID8, PG_LSN and enums
 *   ENUM_ARRAY(mood)                  hf_int4_array, of values of enum mood
 *   USER(point)                       point, as point_codec has it
 *   RAW("tsvector")                   const char *                const char *
 *
 * OID and XID are unsigned there, and an int64_t holds them all; an XID8 beyond INT64_MAX is
 * HF_E_TYPE. Whatever has no line of its own is RAW: read as the server writes it as text, and
 * written back so. */
#ifndef HOLDFAST_MODEL_TYPES_H
#define HOLDFAST_MODEL_TYPES_H

#include <holdfast/result.h>

HF__BEGIN

/* The value of an enum member that may be NULL. */
typedef struct hf_enum_opt {
	bool has;
	int v;
} hf_enum_opt;

/* The labels of an enum type: label[v] is that of the C value v; NULL where no C value is. Made by
 * HF_ENUM. A label that a newer server sends and this table does not know is HF_E_TYPE. */
typedef struct hf_labels {
	const char *sql_type; /* "mood" or "schema.mood", unquoted; of ENUM_INT4 for errors alone */
	const char *const *label;
	int n;
} hf_labels;

/* Memory for what a member points to, as long as the row has what it was read from, or until the
 * statement has been sent. Aligned for any type, and zeroed. NULL: none. */
typedef struct hf_room hf_room;
HF_API void *hf_room_alloc(hf_room *room, size_t n);

/* A type of your own, known by its name, as its number differs from database to database: it
 * travels as text. Made by HF_CODEC, for USER(T). Both functions may be called on any thread, and
 * do no I/O; any status but HF_OK is the verb's outcome. */
typedef struct hf_codec {
	const char *sql_type; /* as in CREATE TABLE: "hstore", "shop.position" */
	size_t size, align;   /* of the C type */
	/* `text` as the server writes it; NULL is SQL NULL, and only comes where it may. */
	hf_status (*read)(const char *text, void *member, hf_room *room);
	/* *text as the server reads it; NULL is SQL NULL. */
	hf_status (*write)(const void *member, const char **text, hf_room *room);
} hf_codec;

/* A domain: another type, with a default and conditions of its own. Made by HF_DOMAIN; HF_OF_DOMAIN
 * makes a column one of it. Its values travel as those of the type that it is over. */
typedef struct hf_domain {
	size_t struct_size;
	const char *name; /* "email" or "schema.email", unquoted */
	/* What it is over, as in a column of that type. */
	const char *sql_type;
	const hf_labels *labels;
	const hf_codec *codec;
	uint16_t type;
	bool as_text;
	int32_t length, scale;
	/* Of its own. */
	const char *check;       /* an SQL expression on VALUE, verbatim; NULL: none */
	const char *check_name;  /* NULL: PostgreSQL's own, email_check */
	const char *default_sql; /* of columns that have none; an expression, verbatim */
	const char *collation;   /* COLLATE …; NULL: the type's */
	bool not_null;           /* then its columns are NOT_NULL as well */
} hf_domain;

/* A sequence that belongs to no column. Made by HF_SEQUENCE; a column takes its values from it by
 * HF_NEXTVAL, and a table names those that only the program asks in .sequences. */
typedef struct hf_sequence {
	size_t struct_size;
	const char *name;     /* "invoice_no" or "schema.invoice_no", unquoted */
	const char *sql_type; /* "integer", "smallint"; NULL: bigint */
	/* As CREATE SEQUENCE has them; `has` false: the server's own. */
	hf_int8_opt start, min, max;
	int64_t increment; /* 0: 1 */
	bool cycle;
} hf_sequence;

HF__END

#ifndef __cplusplus

/* HF_CODEC(point, "shop.position", read_point, write_point): how the typedef `point` travels. At
 * file scope. */
#define HF_CODEC(T, type, read, write)                                                             \
	const hf_codec T##_codec = { (type), sizeof(T), _Alignof(T), (read), (write) }

/* HF_ENUM(mood, "mood", [MOOD_SAD] = "sad", [MOOD_OK] = "ok"): the labels of enum mood, for
 * ENUM(mood). At file scope. */
#define HF_ENUM(e, type, ...)                                                                      \
	static const char *const e##_hf_label[] = { __VA_ARGS__ };                                 \
	const hf_labels e##_labels = { (type), e##_hf_label,                                       \
		(int)(sizeof e##_hf_label / sizeof *e##_hf_label) }

/* clang-format off */
/* HF_DOMAIN(email, "email", VARCHAR(250), .check = "VALUE ~ '@'"): the domain of that name over an
 * SQL type of the table above, for HF_OF_DOMAIN(email). At file scope. */
#define HF_DOMAIN(d, sql_name, TYPE, ...) \
	const hf_domain d##_domain = { .struct_size = sizeof(hf_domain), .name = (sql_name), HF__TI_##TYPE, __VA_ARGS__ }

/* HF_SEQUENCE(invoice_no, "invoice_no", .start = HF_SOME(1000), .increment = 10): the sequence of
 * that name, for HF_NEXTVAL(invoice_no). At file scope. */
#define HF_SEQUENCE(q, ...) \
	const hf_sequence q##_sequence = { .struct_size = sizeof(hf_sequence), .name = __VA_ARGS__ }

/* C types: (not null, nullable). */
#define HF__CT_BOOL          bool, hf_bool_opt
#define HF__CT_INT2          int16_t, hf_int2_opt
#define HF__CT_INT4          int32_t, hf_int4_opt
#define HF__CT_INT8          int64_t, hf_int8_opt
#define HF__CT_OID           int64_t, hf_int8_opt
#define HF__CT_XID           int64_t, hf_int8_opt
#define HF__CT_XID8          int64_t, hf_int8_opt
#define HF__CT_FLOAT4        float, hf_float4_opt
#define HF__CT_FLOAT8        double, hf_float8_opt
#define HF__CT_NUMERIC       hf_numeric, hf_numeric
#define HF__CT_DECIMAL(p, s) hf_numeric, hf_numeric
#define HF__CT_TEXT          const char *, const char *
#define HF__CT_VARCHAR(n)    const char *, const char *
#define HF__CT_CHARACTER(n)  const char *, const char *
#define HF__CT_RAW(type)     const char *, const char *
#define HF__CT_BYTEA         hf_bytes, hf_bytes
#define HF__CT_TIMESTAMPTZ   hf_timestamptz, hf_timestamptz_opt
#define HF__CT_TIMESTAMP     hf_timestamp, hf_timestamp_opt
#define HF__CT_DATE          hf_date, hf_date_opt
#define HF__CT_TIME          hf_time_of_day, hf_time_of_day_opt
#define HF__CT_TIMETZ        hf_timetz, hf_timetz_opt
#define HF__CT_INTERVAL      hf_interval, hf_interval_opt
#define HF__CT_UUID          hf_uuid, hf_uuid_opt
#define HF__CT_JSON          hf_json, hf_json
#define HF__CT_JSONB         hf_json, hf_json
#define HF__CT_INET          hf_inet, hf_inet_opt
#define HF__CT_CIDR          hf_inet, hf_inet_opt
#define HF__CT_MACADDR       hf_mac, hf_mac_opt
#define HF__CT_MACADDR8      hf_mac, hf_mac_opt
#define HF__CT_PG_LSN        hf_lsn, hf_lsn_opt
#define HF__CT_ENUM(e)       enum e, hf_enum_opt
#define HF__CT_ENUM_INT4(e)  enum e, hf_enum_opt
#define HF__CT_ENUM_ARRAY(e) hf_int4_array, hf_int4_array
#define HF__CT_USER(T)       T, T
#define HF__CT_ARRAY(T)      HF__CAT(HF__CA_, T)
#define HF__CA_BOOL          hf_bool_array, hf_bool_array
#define HF__CA_INT2          hf_int2_array, hf_int2_array
#define HF__CA_INT4          hf_int4_array, hf_int4_array
#define HF__CA_INT8          hf_int8_array, hf_int8_array
#define HF__CA_FLOAT4        hf_float4_array, hf_float4_array
#define HF__CA_FLOAT8        hf_float8_array, hf_float8_array
#define HF__CA_NUMERIC       hf_numeric_array, hf_numeric_array
#define HF__CA_TEXT          hf_text_array, hf_text_array
#define HF__CA_TIMESTAMPTZ   hf_timestamptz_array, hf_timestamptz_array
#define HF__CA_TIMESTAMP     hf_timestamp_array, hf_timestamp_array
#define HF__CA_DATE          hf_date_array, hf_date_array
#define HF__CA_UUID          hf_uuid_array, hf_uuid_array
#define HF__CA_BYTEA         hf_bytes_array, hf_bytes_array
#define HF__CA_TIME          hf_time_of_day_array, hf_time_of_day_array
#define HF__CA_TIMETZ        hf_timetz_array, hf_timetz_array
#define HF__CA_INTERVAL      hf_interval_array, hf_interval_array
#define HF__CA_JSON          hf_json_array, hf_json_array
#define HF__CA_JSONB         hf_json_array, hf_json_array
#define HF__CA_INET          hf_inet_array, hf_inet_array
#define HF__CA_CIDR          hf_inet_array, hf_inet_array
#define HF__CA_MACADDR       hf_mac_array, hf_mac_array
#define HF__CA_MACADDR8      hf_mac_array, hf_mac_array

#define HF__STR_(x) #x
#define HF__STR(x)  HF__STR_(x)

/* Members of hf_column: the type in SQL, and the tag of the C type. */
#define HF__TI_BOOL          .sql_type = "boolean", .type = HF_T_BOOL
#define HF__TI_INT2          .sql_type = "smallint", .type = HF_T_INT2
#define HF__TI_INT4          .sql_type = "integer", .type = HF_T_INT4
#define HF__TI_INT8          .sql_type = "bigint", .type = HF_T_INT8
#define HF__TI_OID           .sql_type = "oid", .type = HF_T_INT8
#define HF__TI_XID           .sql_type = "xid", .type = HF_T_INT8
#define HF__TI_XID8          .sql_type = "xid8", .type = HF_T_INT8
#define HF__TI_FLOAT4        .sql_type = "real", .type = HF_T_FLOAT4
#define HF__TI_FLOAT8        .sql_type = "double precision", .type = HF_T_FLOAT8
#define HF__TI_NUMERIC       .sql_type = "numeric", .type = HF_T_NUMERIC
#define HF__TI_DECIMAL(p, s) .sql_type = "numeric(" HF__STR(p) "," HF__STR(s) ")", .type = HF_T_NUMERIC, .length = (p), .scale = (s)
#define HF__TI_TEXT          .sql_type = "text", .type = HF_T_TEXT
#define HF__TI_VARCHAR(n)    .sql_type = "character varying(" HF__STR(n) ")", .type = HF_T_TEXT, .length = (n)
#define HF__TI_CHARACTER(n)  .sql_type = "character(" HF__STR(n) ")", .type = HF_T_TEXT, .length = (n)
#define HF__TI_RAW(t)        .sql_type = (t), .type = HF_T_TEXT, .as_text = true
#define HF__TI_BYTEA         .sql_type = "bytea", .type = HF_T_BYTEA
#define HF__TI_TIMESTAMPTZ   .sql_type = "timestamp with time zone", .type = HF_T_TIMESTAMPTZ
#define HF__TI_TIMESTAMP     .sql_type = "timestamp without time zone", .type = HF_T_TIMESTAMP
#define HF__TI_DATE          .sql_type = "date", .type = HF_T_DATE
#define HF__TI_TIME          .sql_type = "time without time zone", .type = HF_T_TIME
#define HF__TI_TIMETZ        .sql_type = "time with time zone", .type = HF_T_TIMETZ
#define HF__TI_INTERVAL      .sql_type = "interval", .type = HF_T_INTERVAL
#define HF__TI_UUID          .sql_type = "uuid", .type = HF_T_UUID
#define HF__TI_JSON          .sql_type = "json", .type = HF_T_JSON
#define HF__TI_JSONB         .sql_type = "jsonb", .type = HF_T_JSON
#define HF__TI_INET          .sql_type = "inet", .type = HF_T_INET
#define HF__TI_CIDR          .sql_type = "cidr", .type = HF_T_INET
#define HF__TI_MACADDR       .sql_type = "macaddr", .type = HF_T_MAC
#define HF__TI_MACADDR8      .sql_type = "macaddr8", .type = HF_T_MAC
#define HF__TI_PG_LSN        .sql_type = "pg_lsn", .type = HF_T_LSN
#define HF__TI_ENUM(e)       .labels = &e##_labels, .type = HF_T_INT4, .as_text = true
#define HF__TI_ENUM_INT4(e)  .labels = &e##_labels, .sql_type = "integer", .type = HF_T_INT4
#define HF__TI_ENUM_ARRAY(e) .labels = &e##_labels, .type = HF_T_INT4 | HF_T_ARRAY, .as_text = true
#define HF__TI_USER(T)       .codec = &T##_codec, .type = HF_T_NONE, .as_text = true
#define HF__TI_ARRAY(T)      HF__CAT(HF__TA_, T)
#define HF__TA_BOOL          .sql_type = "boolean[]", .type = HF_T_BOOL | HF_T_ARRAY
#define HF__TA_INT2          .sql_type = "smallint[]", .type = HF_T_INT2 | HF_T_ARRAY
#define HF__TA_INT4          .sql_type = "integer[]", .type = HF_T_INT4 | HF_T_ARRAY
#define HF__TA_INT8          .sql_type = "bigint[]", .type = HF_T_INT8 | HF_T_ARRAY
#define HF__TA_FLOAT4        .sql_type = "real[]", .type = HF_T_FLOAT4 | HF_T_ARRAY
#define HF__TA_FLOAT8        .sql_type = "double precision[]", .type = HF_T_FLOAT8 | HF_T_ARRAY
#define HF__TA_NUMERIC       .sql_type = "numeric[]", .type = HF_T_NUMERIC | HF_T_ARRAY
#define HF__TA_TEXT          .sql_type = "text[]", .type = HF_T_TEXT | HF_T_ARRAY
#define HF__TA_TIMESTAMPTZ   .sql_type = "timestamp with time zone[]", .type = HF_T_TIMESTAMPTZ | HF_T_ARRAY
#define HF__TA_TIMESTAMP     .sql_type = "timestamp without time zone[]", .type = HF_T_TIMESTAMP | HF_T_ARRAY
#define HF__TA_DATE          .sql_type = "date[]", .type = HF_T_DATE | HF_T_ARRAY
#define HF__TA_UUID          .sql_type = "uuid[]", .type = HF_T_UUID | HF_T_ARRAY
#define HF__TA_BYTEA         .sql_type = "bytea[]", .type = HF_T_BYTEA | HF_T_ARRAY
#define HF__TA_TIME          .sql_type = "time without time zone[]", .type = HF_T_TIME | HF_T_ARRAY
#define HF__TA_TIMETZ        .sql_type = "time with time zone[]", .type = HF_T_TIMETZ | HF_T_ARRAY
#define HF__TA_INTERVAL      .sql_type = "interval[]", .type = HF_T_INTERVAL | HF_T_ARRAY
#define HF__TA_JSON          .sql_type = "json[]", .type = HF_T_JSON | HF_T_ARRAY
#define HF__TA_JSONB         .sql_type = "jsonb[]", .type = HF_T_JSON | HF_T_ARRAY
#define HF__TA_INET          .sql_type = "inet[]", .type = HF_T_INET | HF_T_ARRAY
#define HF__TA_CIDR          .sql_type = "cidr[]", .type = HF_T_INET | HF_T_ARRAY
#define HF__TA_MACADDR       .sql_type = "macaddr[]", .type = HF_T_MAC | HF_T_ARRAY
#define HF__TA_MACADDR8      .sql_type = "macaddr8[]", .type = HF_T_MAC | HF_T_ARRAY

/* NOT_NULL picks the first of a pair of C types, NULLABLE the second. */
#define HF__PICK_NOT_NULL(a, b) a
#define HF__PICK_NULLABLE(a, b) b
#define HF__CALL(macro, args)   macro args
#define HF__PICK_C(N, ...)      HF__CALL(HF__PICK_##N, (__VA_ARGS__))
#define HF__NULL_NOT_NULL       .nullable = false
#define HF__NULL_NULLABLE       .nullable = true
/* clang-format on */

#endif

#endif
