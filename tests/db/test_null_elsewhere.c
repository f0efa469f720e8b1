/* SPDX-License-Identifier: MIT */
/* Missing values of which the server says that they are another table's. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* A partition is the table's own, what a trigger writes to is not. */
struct piece {
	int32_t id;
	const char *text;
};
static const hf_column piece_columns[] = {
	HF_COLUMN(piece, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(piece, text, TEXT, NOT_NULL, HF_DEFAULT("'x'")),
};
HF_TABLE(piece, .name = "piece");

START_TEST(test_not_null_of_a_partition)
{
	hf_pool *pool = t_pool(NULL);
	hf_session *s = hf_session_on_pool(pool);
	struct piece one = { .id = 1 };
	const hf_column *c[HF_MAX_KEY];

	free(t_psql("set client_min_messages to warning; drop table if exists piece, piece_log;"
		    "create table piece (id int, text text not null) partition by range (id);"
		    "create table piece_low partition of piece for values from (0) to (9);"
		    "create table piece_log (text text not null);"
		    "create or replace function log_piece() returns trigger language plpgsql as $$"
		    " begin insert into piece_log values (null); return new; end $$"));
	ck_assert_int_eq(hf_insert(s, piece, &one), HF_E_SQL);
	ck_assert_str_eq(hf_error_field(hf_session_error(s), HF_ERR_TABLE), "piece_low");
	ck_assert_str_eq(hf_error_field(hf_session_error(s), HF_ERR_COLUMN), "text");
	ck_assert_int_eq(strncmp(hf_error_message(hf_session_error(s)), "piece.text: ", 12), 0);
	ck_assert_uint_eq(hf_error_columns(hf_session_error(s), &piece_table, NULL, c), 0);
	free(t_psql("create trigger log_piece before insert on piece_low for each row"
		    " execute function log_piece()"));
	one.text = "there";
	ck_assert_int_eq(hf_insert(s, piece, &one), HF_E_SQL);
	ck_assert_str_eq(hf_error_field(hf_session_error(s), HF_ERR_TABLE), "piece_log");
	ck_assert_ptr_null(strstr(hf_error_message(hf_session_error(s)), "piece.text: "));
	free(t_psql("drop table piece, piece_log; drop function log_piece()"));
	hf_session_unref(s);
	t_close(pool);
}
END_TEST

T_MAIN("null_elsewhere", { "G25 a NULL in a partition, and one that a trigger writes elsewhere",
				 test_not_null_of_a_partition, 0 })
