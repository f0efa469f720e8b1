/* SPDX-License-Identifier: MIT */
/* Keys of several columns, and foreign keys to them: made, violated, joined along, followed. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Known by a room and a code, as (5, 'boots'). */
struct shelf {
	int32_t room;
	const char *code;
	const char *note;
};
extern const hf_table shelf_table;
static const hf_column shelf_columns[] = {
	HF_COLUMN(shelf, room, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(shelf, code, TEXT, NOT_NULL, HF_PK),
	HF_COLUMN(shelf, note, TEXT, NULLABLE, HF_PLAIN),
};
HF_TABLE(shelf, .name = "shelf");

/* Stands on a shelf, or on none. */
struct box {
	int32_t id;
	hf_int4_opt room;
	const char *code;
};
static const hf_column box_columns[] = {
	HF_COLUMN(box, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(box, room, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(box, code, TEXT, NULLABLE, HF_PLAIN),
};
static const hf_foreign_key box_keys[] = {
	HF_FOREIGN_KEY2(box, room, code, shelf, room, code, .on_update = HF_CASCADE,
		.on_delete = HF_SET_NULL),
};
HF_TABLE(box, .foreign_keys = box_keys, .n_foreign_keys = HF_COUNT(box_keys));

/* A key of three, of which two are the shelf's; and what refers to all three. */
struct slot {
	int32_t room;
	const char *code;
	int16_t no;
};
static const hf_column slot_columns[] = {
	HF_COLUMN(slot, room, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(slot, code, TEXT, NOT_NULL, HF_PK),
	HF_COLUMN(slot, no, INT2, NOT_NULL, HF_PK),
};
static const hf_foreign_key slot_keys[] = {
	HF_FOREIGN_KEY2(slot, room, code, shelf, room, code, .on_update = HF_CASCADE),
};
HF_TABLE(slot, .foreign_keys = slot_keys, .n_foreign_keys = HF_COUNT(slot_keys));
extern const hf_table slot_table;

struct shoe {
	int32_t id;
	int32_t in_room;
	const char *in_code;
	int16_t in_no;
};
static const hf_column shoe_columns[] = {
	HF_COLUMN(shoe, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(shoe, in_room, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(shoe, in_code, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(shoe, in_no, INT2, NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key shoe_keys[] = {
	HF_FOREIGN_KEY3(shoe, in_room, in_code, in_no, slot, room, code, no,
		.on_update = HF_CASCADE, .deferrable = true, .deferred = true),
};
HF_TABLE(shoe, .foreign_keys = shoe_keys, .n_foreign_keys = HF_COUNT(shoe_keys));

static const hf_table *const store[] = { &shoe_table, &box_table, &slot_table, &shelf_table, NULL };

struct place {
	hf_pool *pool;
	hf_session *s;
	hf_models *m;
};

static struct place open_place(const hf_table *const *tables)
{
	struct place p = { .pool = t_pool(NULL), .m = hf_models_new(NULL) };
	hf_error *why = NULL;

	p.s = hf_session_on_pool(p.pool);
	if (hf_models_add(p.m, tables, NULL, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	return p;
}

static void close_place(struct place *p)
{
	t_verb(p->s, hf_models_drop(p->m, p->s, 0)); /* without CASCADE: the order is right */
	hf_models_unref(p->m);
	hf_session_unref(p->s);
	t_close(p->pool);
}

/* Two shelves with two slots each; a box and a shoe on the first of either. */
static struct place with_shoes(void)
{
	struct place p = open_place(store);
	struct shelf shelf[] = { { 5, "boots", NULL }, { 5, "hats", NULL } };
	struct slot slot[] = { { 5, "boots", 1 }, { 5, "boots", 2 }, { 5, "hats", 1 },
		{ 5, "hats", 2 } };
	struct box box[] = { { .room = HF_SOME(5), .code = "boots" }, { .code = NULL } };
	struct shoe shoe[] = { { .in_room = 5, .in_code = "boots", .in_no = 1 },
		{ .in_room = 5, .in_code = "hats", .in_no = 1 } };

	t_verb(p.s, hf_insert_many(p.s, shelf, shelf, 2));
	t_verb(p.s, hf_insert_many(p.s, slot, slot, 4));
	t_verb(p.s, hf_insert_many(p.s, box, box, 2));
	t_verb(p.s, hf_insert_many(p.s, shoe, shoe, 2));
	return p;
}

/* † peewee-async: test_composite_key: what was created is known by the pair (5, 'boots'). */
START_TEST(test_composite_key)
{
	struct place p = open_place(store);
	struct shelf boots = { 5, "boots", "left" }, *read;

	t_verb(p.s, hf_insert(p.s, shelf, &boots));
	ck_assert_int_eq(boots.room, 5);
	ck_assert_str_eq(boots.code, "boots");
	t_sql_gives("select room || code || note from shelf", "5bootsleft");
	t_verb(p.s, hf_get(p.s, shelf, &read, HF_EQ(shelf, room, 5), HF_EQ(shelf, code, "boots")));
	ck_assert_str_eq(read->note, "left");
	read->note = "right";
	t_verb(p.s, hf_update(p.s, shelf, read));
	t_sql_gives("select note from shelf", "right");
	ck_assert_int_eq(hf_insert(p.s, shelf, &boots), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p.s)), "23505");
	boots.code = "hats";
	t_verb(p.s, hf_insert(p.s, shelf, &boots)); /* half of the pair is no duplicate */
	t_verb(p.s, hf_delete(p.s, shelf, read));
	t_sql_gives("select string_agg(code, ' ') from shelf", "hats");
	close_place(&p);
}
END_TEST

static void blames(const hf_session *s, const hf_table *t, const char *members)
{
	const hf_column *c[HF_MAX_KEY];
	size_t n = hf_error_columns(hf_session_error(s), t, NULL, c);
	char text[200] = "";

	for (size_t i = 0; i < n; i++) {
		strcat(text, c[i]->member);
		strcat(text, " ");
	}
	ck_assert_str_eq(text, members);
}

/* A pair that is not there is refused, and both members are told; half of one is none. */
START_TEST(test_violation)
{
	struct place p = with_shoes();
	struct box box = { .room = HF_SOME(5), .code = "gloves" };
	struct shoe shoe = { .in_room = 5, .in_code = "boots", .in_no = 9 };
	struct slot slot = { 5, "boots", 9 };
	struct shelf boots = { 5, "boots", NULL };
	hf_txn *t;
	hf_session *s;

	ck_assert_int_eq(hf_insert(p.s, box, &box), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p.s)), "23503");
	blames(p.s, &box_table, "room code ");
	ck_assert_ptr_nonnull(strstr(hf_error_message(hf_session_error(p.s)), "box.room, code: "));
	box.code = NULL; /* MATCH SIMPLE */
	t_verb(p.s, hf_insert(p.s, box, &box));
	ck_assert_int_eq(hf_delete(p.s, shelf, &boots), HF_E_SQL); /* slots are on it */
	ck_assert_str_eq(
		hf_error_field(hf_session_error(p.s), HF_ERR_CONSTRAINT), "slot_room_code_fkey");

	/* deferred: until the commit it may point nowhere */
	t = hf_txn_begin(p.pool, NULL);
	s = hf_session_on_txn(t);
	t_verb(s, hf_insert(s, shoe, &shoe));
	t_verb(s, hf_insert(s, slot, &slot));
	t_done(hf_txn_commit(t));
	hf_session_unref(s);
	hf_txn_unref(t);
	shoe.id = 0;
	shoe.in_no = 10;
	ck_assert_int_eq(hf_insert(p.s, shoe, &shoe), HF_E_SQL);
	blames(p.s, &shoe_table, "in_room in_code in_no ");
	close_place(&p);
}
END_TEST

/* The pair changes, and what refers to it goes along, over two tables; it goes, and they stay. */
START_TEST(test_actions)
{
	struct place p = with_shoes();
	struct shelf hats = { 5, "hats", NULL };
	int64_t n;

	t_verb(p.s, hf_update_where(p.s, shelf, &n, HF_SETS(HF_SET(shelf, code, "shoes")),
			    HF_WHERE(HF_EQ(shelf, code, "boots"))));
	ck_assert_int_eq(n, 1);
	t_sql_gives("select code from box where room is not null", "shoes");
	t_sql_gives("select string_agg(code || no, ' ' order by code, no) from slot",
		"hats1 hats2 shoes1 shoes2");
	t_sql_gives("select string_agg(in_code, ' ' order by id) from shoe", "shoes hats");

	t_verb(p.s, hf_update_where(p.s, box, &n,
			    HF_SETS(HF_SET(box, room, 5), HF_SET(box, code, "hats")), HF_ALL));
	ck_assert_int_eq(n, 2);
	t_verb(p.s, hf_delete_where(p.s, shoe, NULL, HF_ALL));
	t_verb(p.s, hf_delete_where(p.s, slot, NULL, HF_ALL));
	t_verb(p.s, hf_delete(p.s, shelf, &hats));
	ck_assert_int_eq(
		t_psql_int("select count(*) from box where room is null and code is null"), 2);
	close_place(&p);
}
END_TEST

/* Along two columns, along three; an outer join keeps what stands nowhere. */
START_TEST(test_join)
{
	struct place p = with_shoes();
	hf_rows *rows;
	int64_t n;

	t_verb(p.s,
		hf_select(p.s, box, &rows,
			HF_JOIN_ON(HF_ON(box, room, shelf, room), HF_ON(box, code, shelf, code)),
			HF_WHERE(HF_EQ(shelf, code, "boots"))));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert_int_eq(HF_ROWS(box, rows)->id, 1);
	ck_assert_str_eq(HF_ROWS(box, rows)->code, "boots");
	hf_rows_unref(rows);
	t_verb(p.s, hf_count(p.s, box, &n,
			    HF_LEFT_JOIN_ON(
				    HF_ON(box, room, shelf, room), HF_ON(box, code, shelf, code))));
	ck_assert_int_eq(n, 2);
	t_verb(p.s, hf_count(p.s, slot, &n, /* by one of them only: every shelf of the room */
			    HF_JOIN(slot, room, shelf, room)));
	ck_assert_int_eq(n, 8);
	t_verb(p.s, hf_select(p.s, shoe, &rows,
			    HF_JOIN_ON(HF_ON(shoe, in_room, slot, room),
				    HF_ON(shoe, in_code, slot, code), HF_ON(shoe, in_no, slot, no)),
			    HF_WHERE(HF_EQ(slot, no, 1)), HF_ORDER(HF_DESC(slot, code))));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	ck_assert_str_eq(HF_ROWS(shoe, rows)[0].in_code, "hats");
	hf_rows_unref(rows);
	close_place(&p);
}
END_TEST

/* FOR UPDATE with a join locks the rows that are read, and none of those beside them. */
START_TEST(test_lock)
{
	struct place p = with_shoes();
	hf_txn *a = hf_txn_begin(p.pool, NULL);
	hf_session *sa = hf_session_on_txn(a);
	hf_rows *rows;

	t_verb(sa, hf_select(sa, box, &rows,
			   HF_JOIN_ON(HF_ON(box, room, shelf, room), HF_ON(box, code, shelf, code)),
			   HF_LOCK(HF_FOR_UPDATE)));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	hf_rows_unref(rows);
	ck_assert_int_eq(hf_select(p.s, box, &rows, HF_WHERE(HF_NOT_NULL(box, room)),
				 HF_LOCK(HF_FOR_UPDATE | HF_NOWAIT)),
		HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p.s)), "55P03");
	t_verb(p.s, hf_select(p.s, shelf, &rows, HF_LOCK(HF_FOR_UPDATE | HF_NOWAIT)));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	hf_rows_unref(rows);
	t_done(hf_txn_rollback(a));
	hf_session_unref(sa);
	hf_txn_unref(a);
	close_place(&p);
}
END_TEST

/* Everything that hangs on the pair goes, to any depth; what may stand alone is set free. */
START_TEST(test_delete_deep)
{
	struct place p = with_shoes();
	struct shelf boots = { 5, "boots", NULL };

	t_verb(p.s, hf_delete_deep(p.s, shelf, &boots, store, false));
	t_sql_gives("select string_agg(code, ' ') from shelf", "hats");
	t_sql_gives("select string_agg(code || no, ' ' order by no) from slot", "hats1 hats2");
	t_sql_gives("select string_agg(in_code, ' ') from shoe", "hats");
	ck_assert_int_eq(t_psql_int("select count(*) from box where room is null"), 2);
	boots.code = "hats";
	t_verb(p.s, hf_update_where(p.s, box, NULL,
			    HF_SETS(HF_SET(box, room, 5), HF_SET(box, code, "hats")),
			    HF_WHERE(HF_EQ(box, id, 2))));
	t_verb(p.s, hf_delete_deep(p.s, shelf, &boots, store, true));
	t_sql_gives("select string_agg(id::text, ' ') from box", "1");
	ck_assert_int_eq(t_psql_int("select count(*) from slot"), 0);
	ck_assert_int_eq(t_psql_int("select count(*) from shoe"), 0);
	close_place(&p);
}
END_TEST

/* --- a circle whose keys go to a unique pair --- */

struct ship {
	int32_t id;
	hf_int4_opt captain_no;
	const char *captain;
};
struct sailor {
	int32_t no;
	const char *name;
	int32_t ship_id;
};
extern const hf_table sailor_table;
static const hf_column ship_columns[] = {
	HF_COLUMN(ship, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(ship, captain_no, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(ship, captain, TEXT, NULLABLE, HF_PLAIN),
};
static const hf_foreign_key ship_keys[] = {
	HF_FOREIGN_KEY2(ship, captain_no, captain, sailor, no, name, .on_delete = HF_SET_NULL),
};
HF_TABLE(ship, .foreign_keys = ship_keys, .n_foreign_keys = 1);
extern const hf_table ship_table;
static const hf_column sailor_columns[] = {
	HF_COLUMN(sailor, no, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(sailor, name, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(sailor, ship_id, INT4, NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key sailor_keys[] = { HF_FOREIGN_KEY(
	sailor, ship_id, ship, id, .on_delete = HF_CASCADE) };
static const hf_index sailor_indexes[] = { HF_UNIQUE_ON(HF_C(sailor, name), HF_C(sailor, no)) };
HF_TABLE(sailor, .foreign_keys = sailor_keys, .n_foreign_keys = 1, .indexes = sailor_indexes,
	.n_indexes = 1);

START_TEST(test_circle)
{
	static const hf_table *const circle[] = { &ship_table, &sailor_table, NULL };
	struct place p = open_place(circle);
	struct ship ship = { .id = 0 };
	struct sailor ann = { .no = 1, .name = "Ann" };

	t_verb(p.s, hf_insert(p.s, ship, &ship));
	ann.ship_id = ship.id;
	t_verb(p.s, hf_insert(p.s, sailor, &ann));
	ship.captain_no = (hf_int4_opt)HF_SOME(1);
	ship.captain = "Ann";
	t_verb(p.s, hf_update(p.s, ship, &ship));
	ship.captain = "Bob";
	ck_assert_int_eq(hf_update(p.s, ship, &ship), HF_E_SQL);
	blames(p.s, &ship_table, "captain_no captain ");
	t_verb(p.s, hf_delete(p.s, ship, &ship)); /* and its sailors */
	ck_assert_int_eq(t_psql_int("select count(*) from sailor"), 0);
	close_place(&p);
}
END_TEST

T_MAIN("composite_keys", { "G27 a row is known by (5, 'boots')", test_composite_key, 0 },
	{ "G28 a pair that is not there is refused", test_violation, 0 },
	{ "G28 what refers to a pair changes with it", test_actions, 0 },
	{ "H16 joins along two columns and three", test_join, 0 },
	{ "H16 a lock with a join leaves the other table alone", test_lock, 0 },
	{ "H10 everything that hangs on a pair is deleted", test_delete_deep, 0 },
	{ "G11 G28 a circle by a unique pair", test_circle, 0 })
