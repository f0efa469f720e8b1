/* compiles */
/* Every kind of argument, destination and option at once. */
#include <holdfast.h>

struct seat {
	int64_t id;
	const char *label;
	bool taken;
	double price;
	hf_int4_opt rank;
};

hf_future *submit(hf_pool *pool, const char *name, char *nick);
hf_status read_seat(hf_row row, struct seat *s);
hf_status open_shop(hf_pool **out);
void forget(hf_pool *pool);

hf_future *submit(hf_pool *pool, const char *name, char *nick)
{
	static const int32_t items[] = { 1, 2, 3 };
	hf_int4_opt age = HF_SOME(42);
	unsigned char digest[16] = { 0 };
	size_t n = 7;
	char code[4] = "abc";

	return hf_query(pool, "select $1, $2, $3", 1, 2L, 3LL, 4U, 5UL, n, (short)6, true, 1.5F,
		2.5, "literal", name, nick, code, hf_blob(digest, sizeof digest),
		(hf_numeric){ "1.20" }, (hf_json){ "{}" }, (hf_timestamptz){ 0 }, (hf_date){ 0 },
		(hf_uuid){ { 0 } }, age, &HF_ARRAY(int4, items, 3), hf_v_null());
}

hf_status read_seat(hf_row row, struct seat *s)
{
	return hf_row_scan(row, HF_TO(&s->id), HF_TO(&s->label), HF_TO(&s->taken), HF_TO(&s->price),
		HF_TO(&s->rank));
}

hf_status open_shop(hf_pool **out)
{
	return hf_pool_open("dbname=shop", HF_POOL_OPTS(.max_conns = 3, .name = "shop"), out, NULL);
}

void forget(hf_pool *pool)
{
	hf_future_unref(hf_query(pool, "delete from session"));
}
