/* SPDX-License-Identifier: MIT */
/* The anomalies of Hermitage as scripts of steps; the rows at the beginning are (1, 10), (2, 20).
 * Included once, by test_hermitage.c. */
#ifndef HF_TESTS_HERMITAGE_H
#define HF_TESTS_HERMITAGE_H

#include <holdfast.h>

#define MAX_TXNS 3

/* What a step does besides SQL. */
#define COMMIT "commit"
#define AWOKEN "" /* the statement that was blocked has come back */

/* What comes of it: rows ("1=10 2=20"), rows affected ("#1"), the status of what failed, and: */
#define NOTHING    ""
#define OK         "ok"
#define BLOCKS     "blocks" /* it waits for a lock, and its future is not ready */
#define SERIALIZES "40001"  /* it failed, and may be tried again */
#define ENDED      "HF_E_TXN_ENDED"

#define ALL "select id, value from test order by id"

struct step {
	int txn; /* from 1; 0: a statement of its own, outside */
	const char *sql, *gives;
	const char *protected_gives; /* at the level that prevents the anomaly; NULL: the same */
};

struct script {
	hf_isolation happens, prevented; /* HF_ISO_DEFAULT: at no level */
	struct step steps[16];           /* the last has no sql */
};

/* Dirty write. */
static const struct script g0 = { HF_ISO_DEFAULT, HF_ISO_READ_COMMITTED,
	{
		{ 1, "update test set value = 11 where id = 1", "#1", NULL },
		{ 2, "update test set value = 12 where id = 1", BLOCKS, NULL },
		{ 1, "update test set value = 21 where id = 2", "#1", NULL },
		{ 1, COMMIT, OK, NULL },
		{ 2, AWOKEN, "#1", NULL },
		{ 0, ALL, "1=11 2=21", NULL },
		{ 2, "update test set value = 22 where id = 2", "#1", NULL },
		{ 2, COMMIT, OK, NULL },
		{ 0, ALL, "1=12 2=22", NULL },
	} };

/* Aborted read. */
static const struct script g1a = { HF_ISO_DEFAULT, HF_ISO_READ_COMMITTED,
	{
		{ 1, "update test set value = 101 where id = 1", "#1", NULL },
		{ 2, ALL, "1=10 2=20", NULL },
		{ 1, "rollback", OK, NULL },
		{ 2, ALL, "1=10 2=20", NULL },
		{ 2, COMMIT, OK, NULL },
	} };

/* Intermediate read. */
static const struct script g1b = { HF_ISO_DEFAULT, HF_ISO_READ_COMMITTED,
	{
		{ 1, "update test set value = 101 where id = 1", "#1", NULL },
		{ 2, ALL, "1=10 2=20", NULL },
		{ 1, "update test set value = 11 where id = 1", "#1", NULL },
		{ 1, COMMIT, OK, NULL },
		{ 2, ALL, "1=11 2=20", NULL },
		{ 2, COMMIT, OK, NULL },
	} };

/* Circular information flow. */
static const struct script g1c = { HF_ISO_DEFAULT, HF_ISO_READ_COMMITTED,
	{
		{ 1, "update test set value = 11 where id = 1", "#1", NULL },
		{ 2, "update test set value = 22 where id = 2", "#1", NULL },
		{ 1, "select id, value from test where id = 2", "2=20", NULL },
		{ 2, "select id, value from test where id = 1", "1=10", NULL },
		{ 1, COMMIT, OK, NULL },
		{ 2, COMMIT, OK, NULL },
		{ 0, ALL, "1=11 2=22", NULL },
	} };

/* Observed transaction vanishes. */
static const struct script otv = { HF_ISO_DEFAULT, HF_ISO_READ_COMMITTED,
	{
		{ 1, "update test set value = 11 where id = 1", "#1", NULL },
		{ 1, "update test set value = 19 where id = 2", "#1", NULL },
		{ 2, "update test set value = 12 where id = 1", BLOCKS, NULL },
		{ 1, COMMIT, OK, NULL },
		{ 2, AWOKEN, "#1", NULL },
		{ 3, "select id, value from test where id = 1", "1=11", NULL },
		{ 2, "update test set value = 18 where id = 2", "#1", NULL },
		{ 3, "select id, value from test where id = 2", "2=19", NULL },
		{ 2, COMMIT, OK, NULL },
		{ 3, "select id, value from test where id = 2", "2=18", NULL },
		{ 3, "select id, value from test where id = 1", "1=12", NULL },
		{ 3, COMMIT, OK, NULL },
	} };

/* Predicate-many-preceders, for a predicate that reads. */
static const struct script pmp_read = { HF_ISO_READ_COMMITTED, HF_ISO_REPEATABLE_READ,
	{
		{ 1, "select id, value from test where value = 30", NOTHING, NULL },
		{ 2, "insert into test values (3, 30)", "#1", NULL },
		{ 2, COMMIT, OK, NULL },
		{ 1, "select id, value from test where value % 3 = 0", "3=30", NOTHING },
		{ 1, COMMIT, OK, NULL },
	} };

/* The same for one that writes: what it met was another set than what it acts on. */
static const struct script pmp_write = { HF_ISO_READ_COMMITTED, HF_ISO_REPEATABLE_READ,
	{
		{ 1, "update test set value = value + 10", "#2", NULL },
		{ 2, "select id, value from test where value = 20", "2=20", NULL },
		{ 2, "delete from test where value = 20", BLOCKS, NULL },
		{ 1, COMMIT, OK, NULL },
		{ 2, AWOKEN, "#0", SERIALIZES },
		{ 2, "select id, value from test where value = 20", "1=20", SERIALIZES },
		{ 2, COMMIT, OK, ENDED },
		{ 0, ALL, "1=20 2=30", NULL },
	} };

/* Lost update. */
static const struct script p4 = { HF_ISO_READ_COMMITTED, HF_ISO_REPEATABLE_READ,
	{
		{ 1, "select id, value from test where id = 1", "1=10", NULL },
		{ 2, "select id, value from test where id = 1", "1=10", NULL },
		{ 1, "update test set value = 11 where id = 1", "#1", NULL },
		{ 2, "update test set value = 12 where id = 1", BLOCKS, NULL },
		{ 1, COMMIT, OK, NULL },
		{ 2, AWOKEN, "#1", SERIALIZES },
		{ 2, COMMIT, OK, ENDED },
		{ 0, ALL, "1=12 2=20", "1=11 2=20" },
	} };

/* Read skew. */
static const struct script g_single = { HF_ISO_READ_COMMITTED, HF_ISO_REPEATABLE_READ,
	{
		{ 1, "select id, value from test where id = 1", "1=10", NULL },
		{ 2, ALL, "1=10 2=20", NULL },
		{ 2, "update test set value = 12 where id = 1", "#1", NULL },
		{ 2, "update test set value = 18 where id = 2", "#1", NULL },
		{ 2, COMMIT, OK, NULL },
		{ 1, "select id, value from test where id = 2", "2=18", "2=20" },
		{ 1, COMMIT, OK, NULL },
	} };

/* The same where one predicate depends on what another has left. */
static const struct script g_single_dependencies = { HF_ISO_READ_COMMITTED, HF_ISO_REPEATABLE_READ,
	{
		{ 1, "select id, value from test where value % 5 = 0 order by id", "1=10 2=20",
			NULL },
		{ 2, "update test set value = 12 where value = 10", "#1", NULL },
		{ 2, COMMIT, OK, NULL },
		{ 1, "select id, value from test where value % 3 = 0", "1=12", NOTHING },
		{ 1, COMMIT, OK, NULL },
	} };

/* Read skew where the second look is a write, after the other has committed. */
static const struct script g_single_write_1 = { HF_ISO_READ_COMMITTED, HF_ISO_REPEATABLE_READ,
	{
		{ 1, "select id, value from test where id = 1", "1=10", NULL },
		{ 2, ALL, "1=10 2=20", NULL },
		{ 2, "update test set value = 12 where id = 1", "#1", NULL },
		{ 2, "update test set value = 18 where id = 2", "#1", NULL },
		{ 2, COMMIT, OK, NULL },
		{ 1, "delete from test where value = 20", "#0", SERIALIZES },
		{ 1, COMMIT, OK, ENDED },
		{ 0, ALL, "1=12 2=18", NULL },
	} };

/* The same, while the other is still at work. */
static const struct script g_single_write_2 = { HF_ISO_READ_COMMITTED, HF_ISO_REPEATABLE_READ,
	{
		{ 1, "select id, value from test where id = 1", "1=10", NULL },
		{ 2, ALL, "1=10 2=20", NULL },
		{ 2, "update test set value = 12 where id = 1", "#1", NULL },
		{ 2, "update test set value = 18 where id = 2", "#1", NULL },
		{ 1, "delete from test where value = 20", BLOCKS, NULL },
		{ 2, COMMIT, OK, NULL },
		{ 1, AWOKEN, "#0", SERIALIZES },
		{ 1, COMMIT, OK, ENDED },
		{ 0, ALL, "1=12 2=18", NULL },
	} };

/* Write skew. */
static const struct script g2_item = { HF_ISO_REPEATABLE_READ, HF_ISO_SERIALIZABLE,
	{
		{ 1, "select id, value from test where id in (1, 2) order by id", "1=10 2=20",
			NULL },
		{ 2, "select id, value from test where id in (1, 2) order by id", "1=10 2=20",
			NULL },
		{ 1, "update test set value = 11 where id = 1", "#1", NULL },
		{ 2, "update test set value = 21 where id = 2", "#1", NULL },
		{ 1, COMMIT, OK, NULL },
		{ 2, COMMIT, OK, SERIALIZES },
		{ 0, ALL, "1=11 2=21", "1=11 2=20" },
	} };

/* Anti-dependency cycle through a predicate. */
static const struct script g2 = { HF_ISO_REPEATABLE_READ, HF_ISO_SERIALIZABLE,
	{
		{ 1, "select id, value from test where value % 3 = 0", NOTHING, NULL },
		{ 2, "select id, value from test where value % 3 = 0", NOTHING, NULL },
		{ 1, "insert into test values (3, 30)", "#1", NULL },
		{ 2, "insert into test values (4, 42)", "#1", NULL },
		{ 1, COMMIT, OK, NULL },
		{ 2, COMMIT, OK, SERIALIZES },
		{ 0, "select id, value from test where value % 3 = 0 order by id", "3=30 4=42",
			"3=30" },
	} };

/* The same with two edges, closed by a transaction that only reads. */
static const struct script g2_two_edges = { HF_ISO_REPEATABLE_READ, HF_ISO_SERIALIZABLE,
	{
		{ 1, ALL, "1=10 2=20", NULL },
		{ 2, "update test set value = value + 5 where id = 2", "#1", NULL },
		{ 2, COMMIT, OK, NULL },
		{ 3, ALL, "1=10 2=25", NULL },
		{ 3, COMMIT, OK, NULL },
		{ 1, "update test set value = 0 where id = 1", "#1", SERIALIZES },
		{ 1, COMMIT, OK, ENDED },
		{ 0, ALL, "1=0 2=25", "1=10 2=25" },
	} };

#endif
