/* SPDX-License-Identifier: MIT */
/* The tables of column types and of destinations. */
#include "value/type.h"

#include "base/attr.h"

#include <stdio.h>

/* Where a type lies in the table: the least modulus that gives each a place of its own. Two types
 * in one place are a warning of the compiler's (-Woverride-init). */
#define PLACES 148

static const hf__type types[PLACES] = {
	[16 % PLACES] = { 16, 1000, "bool", HF_T_BOOL, 1 },
	[17 % PLACES] = { 17, 1001, "bytea", HF_T_BYTEA, 0 },
	[18 % PLACES] = { 18, 1002, "char", HF_T_TEXT, -1 },
	[19 % PLACES] = { 19, 1003, "name", HF_T_TEXT, 0 },
	[20 % PLACES] = { 20, 1016, "int8", HF_T_INT8, 8 },
	[21 % PLACES] = { 21, 1005, "int2", HF_T_INT2, 2 },
	[23 % PLACES] = { 23, 1007, "int4", HF_T_INT4, 4 },
	[25 % PLACES] = { 25, 1009, "text", HF_T_TEXT, 0 },
	[26 % PLACES] = { 26, 1028, "oid", HF_T_UINT8, 4 },
	[28 % PLACES] = { 28, 1011, "xid", HF_T_UINT8, 4 },
	[29 % PLACES] = { 29, 1012, "cid", HF_T_UINT8, 4 },
	[114 % PLACES] = { 114, 199, "json", HF_T_JSON, 0 },
	[142 % PLACES] = { 142, 143, "xml", HF_T_TEXT, -1 },
	[650 % PLACES] = { 650, 651, "cidr", HF_T_INET, 0 },
	[700 % PLACES] = { 700, 1021, "float4", HF_T_FLOAT4, 4 },
	[701 % PLACES] = { 701, 1022, "float8", HF_T_FLOAT8, 8 },
	[705 % PLACES] = { 705, 0, "unknown", HF_T_TEXT, 0 },
	[774 % PLACES] = { 774, 775, "macaddr8", HF_T_MAC, 8 },
	[829 % PLACES] = { 829, 1040, "macaddr", HF_T_MAC, 6 },
	[869 % PLACES] = { 869, 1041, "inet", HF_T_INET, 0 },
	[1042 % PLACES] = { 1042, 1014, "bpchar", HF_T_TEXT, 0 },
	[1043 % PLACES] = { 1043, 1015, "varchar", HF_T_TEXT, 0 },
	[1082 % PLACES] = { 1082, 1182, "date", HF_T_DATE, 4 },
	[1083 % PLACES] = { 1083, 1183, "time", HF_T_TIME, 8 },
	[1114 % PLACES] = { 1114, 1115, "timestamp", HF_T_TIMESTAMP, 8 },
	[1184 % PLACES] = { 1184, 1185, "timestamptz", HF_T_TIMESTAMPTZ, 8 },
	[1186 % PLACES] = { 1186, 1187, "interval", HF_T_INTERVAL, 16 },
	[1266 % PLACES] = { 1266, 1270, "timetz", HF_T_TIMETZ, 12 },
	[1700 % PLACES] = { 1700, 1231, "numeric", HF_T_NUMERIC, 0 },
	[2950 % PLACES] = { 2950, 2951, "uuid", HF_T_UUID, 16 },
	[3220 % PLACES] = { 3220, 3221, "pg_lsn", HF_T_LSN, 8 },
	[3802 % PLACES] = { 3802, 3807, "jsonb", HF_T_JSON, 0 },
	[5069 % PLACES] = { 5069, 271, "xid8", HF_T_UINT8, 8 },
};

#define OPT(T) offsetof(hf_##T##_opt, v)

static const hf__shape shapes[] = {
	[HF_T_BOOL] = { "bool", false, true, sizeof(bool), OPT(bool), 16 },
	[HF_T_INT2] = { "int2", false, true, sizeof(int16_t), OPT(int2), 21 },
	[HF_T_INT4] = { "int4", false, true, sizeof(int32_t), OPT(int4), 23 },
	[HF_T_INT8] = { "int8", false, true, sizeof(int64_t), OPT(int8), 20 },
	[HF_T_FLOAT4] = { "float4", false, true, sizeof(float), OPT(float4), 700 },
	[HF_T_FLOAT8] = { "float8", false, true, sizeof(double), OPT(float8), 701 },
	[HF_T_NUMERIC] = { "numeric", true, true, sizeof(hf_numeric), 0, 1700 },
	[HF_T_TEXT] = { "text", false, true, sizeof(const char *), 0, 25 },
	[HF_T_BYTEA] = { "bytes", true, true, sizeof(hf_bytes), 0, 17 },
	[HF_T_TIMESTAMPTZ] = { "timestamptz", true, true, sizeof(hf_timestamptz), OPT(timestamptz),
		1184 },
	[HF_T_TIMESTAMP] = { "timestamp", true, true, sizeof(hf_timestamp), OPT(timestamp), 1114 },
	[HF_T_DATE] = { "date", true, true, sizeof(hf_date), OPT(date), 1082 },
	[HF_T_TIME] = { "time_of_day", true, true, sizeof(hf_time_of_day), OPT(time_of_day), 1083 },
	[HF_T_TIMETZ] = { "timetz", true, true, sizeof(hf_timetz), OPT(timetz), 1266 },
	[HF_T_INTERVAL] = { "interval", true, true, sizeof(hf_interval), OPT(interval), 1186 },
	[HF_T_UUID] = { "uuid", true, true, sizeof(hf_uuid), OPT(uuid), 2950 },
	[HF_T_JSON] = { "json", true, true, sizeof(hf_json), 0, 114 },
	[HF_T_INET] = { "inet", true, true, sizeof(hf_inet), OPT(inet), 869 },
	[HF_T_MAC] = { "mac", true, true, sizeof(hf_mac), OPT(mac), 829 },
	[HF_T_LSN] = { "lsn", true, false, sizeof(hf_lsn), OPT(lsn), 3220 },
};

const hf__type *hf__type_of(uint32_t oid)
{
	const hf__type *t = &types[oid % PLACES];

	return oid && t->oid == oid ? t : NULL;
}

const hf__type *hf__type_of_items(uint32_t array_oid)
{
	for (size_t i = 0; array_oid && i < hf_countof(types); i++)
		if (types[i].array == array_oid)
			return &types[i];
	return NULL;
}

const hf__shape *hf__shape_of(int tag)
{
	if (tag < 0 || (size_t)tag >= hf_countof(shapes) || !shapes[tag].name)
		return NULL;
	return &shapes[tag];
}

const char *hf__shape_name(int type, char *buf, size_t size)
{
	int flags = type & (HF_T_OPT | HF_T_ARRAY);
	const hf__shape *shape = hf__shape_of(type & ~flags);

	if (!shape)
		return "?";
	snprintf(buf, size, "%s%s%s", flags || shape->is_struct ? "hf_" : "", shape->name,
		flags & HF_T_ARRAY ? "_array"
		: flags & HF_T_OPT ? "_opt"
				   : "");
	return buf;
}

hf_value hf__item(int tag, const void *items, size_t i)
{
	switch (tag) {
	case HF_T_BOOL:
		return hf_v_bool(((const bool *)items)[i]);
	case HF_T_INT2:
		return hf_v_int8(((const int16_t *)items)[i]);
	case HF_T_INT4:
		return hf_v_int8(((const int32_t *)items)[i]);
	case HF_T_INT8:
		return hf_v_int8(((const int64_t *)items)[i]);
	case HF_T_FLOAT4:
		return hf_v_float4(((const float *)items)[i]);
	case HF_T_FLOAT8:
		return hf_v_float8(((const double *)items)[i]);
	case HF_T_NUMERIC:
		return hf_v_numeric(((const hf_numeric *)items)[i]);
	case HF_T_TEXT:
		return hf_v_text(((const char *const *)items)[i]);
	case HF_T_TIMESTAMPTZ:
		return hf_v_timestamptz(((const hf_timestamptz *)items)[i]);
	case HF_T_TIMESTAMP:
		return hf_v_timestamp(((const hf_timestamp *)items)[i]);
	case HF_T_DATE:
		return hf_v_date(((const hf_date *)items)[i]);
	case HF_T_UUID:
		return hf_v_uuid(((const hf_uuid *)items)[i]);
	case HF_T_BYTEA:
		return hf_v_bytes(((const hf_bytes *)items)[i]);
	case HF_T_TIME:
		return hf_v_time_of_day(((const hf_time_of_day *)items)[i]);
	case HF_T_TIMETZ:
		return hf_v_timetz(((const hf_timetz *)items)[i]);
	case HF_T_INTERVAL:
		return hf_v_interval(((const hf_interval *)items)[i]);
	case HF_T_JSON:
		return hf_v_json(((const hf_json *)items)[i]);
	case HF_T_INET:
		return hf_v_inet(((const hf_inet *)items)[i]);
	case HF_T_MAC:
		return hf_v_mac(((const hf_mac *)items)[i]);
	case HF_T_LSN:
		return hf_v_lsn(((const hf_lsn *)items)[i]);
	default:
		return hf_v_null();
	}
}

uint32_t hf__array_oid(int tag)
{
	const hf__shape *shape = hf__shape_of(tag);
	const hf__type *type = shape ? hf__type_of(shape->oid) : NULL;

	return type && tag != HF_T_JSON && tag != HF_T_INET && tag != HF_T_MAC ? type->array : 0;
}
