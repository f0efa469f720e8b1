/* SPDX-License-Identifier: MIT */
/* Just enough of SQL's lexical rules: what kind of statement a text is, and where its $n stand. */
#ifndef HF_VALUE_SQL_H
#define HF_VALUE_SQL_H

#include "base/strbuf.h"

#include <holdfast/value.h>
#include <holdfast/status.h>

typedef enum hf__sql_kind {
	HF__SQL_EMPTY,   /* nothing but white space, comments and semicolons */
	HF__SQL_PLAIN,   /* SELECT VALUES TABLE INSERT UPDATE DELETE MERGE WITH SHOW: leaves the
			    session clean */
	HF__SQL_READ,    /* of those: SELECT VALUES TABLE SHOW */
	HF__SQL_TXN,     /* BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE, PREPARE
			    TRANSACTION, COMMIT PREPARED … */
	HF__SQL_COPY,    /* COPY … FROM STDIN or TO STDOUT, or one that cannot be told */
	HF__SQL_UTILITY, /* all else: may touch the session */
} hf__sql_kind;

/* Looks at the first words only, behind white space, comments (nested ones too), opening
 * parentheses and semicolons; in any case of letters. Any bytes are legal input. COPY to or from a
 * file or a program on the server is HF__SQL_UTILITY. */
hf__sql_kind hf__sql_classify(const char *sql);

/* A hash of a text of n bytes; the same in one process only. */
uint32_t hf__sql_hash(const char *sql, size_t n);

/* Whether any statement of a script is transaction control. The body of a function between BEGIN
 * ATOMIC and its END is none. */
bool hf__sql_controls_txn(const char *sql);

/* Whether any statement of a script is PREPARE TRANSACTION, COMMIT PREPARED or ROLLBACK PREPARED.
 */
bool hf__sql_two_phase(const char *sql);

/* Whether it has the name of a function that sets something, or takes a lock, for longer than its
 * statement: set_config, and those of advisory locks. Cheap. */
bool hf__sql_outlasts(const char *sql, size_t n);

/* Of those: for longer than its transaction. pg_advisory_lock, and set_config unless its third
 * argument is plainly `true`. What a function of the user's does cannot be seen. */
bool hf__sql_changes_session(const char *sql);

/* Whether others may hear of it: the word NOTIFY stands in it, or a name with that in it. */
bool hf__sql_notifies(const char *sql);

/* Whether a semicolon ends a statement in it, be there another behind it or not. */
bool hf__sql_has_semicolon(const char *sql);

/* The first opening parenthesis outside of strings, quoted names and comments; NULL: there is none.
 */
const char *hf__sql_parenthesis(const char *sql);

/* The text with each $n replaced by the literal of args[n-1], except inside strings ('', E'', U&'',
 * $tag$), quoted identifiers and comments. A literal that would run together with its neighbours
 * is parenthesised: -5 in `a -$1` and in `$1::int2`. Without args the text is copied untouched.
 * HF_E_MISUSE: a $n without an argument, an argument without a $n, and what hf__value_literal
 * refuses. */
hf_status hf__sql_render(
	hf__strbuf *b, const char *sql, const hf_value *args, size_t n, hf_error **out_error);

/* What hf_txn_notify sends: it waits for no lock. */
#define HF__SQL_NOTIFY "SELECT pg_catalog.pg_notify($1, $2)"

#endif
