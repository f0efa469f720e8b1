# SPDX-License-Identifier: MIT
# The tests. The source of tests/unit/x is tests/unit/x.c; adding it to a list is all it needs.

# Without a server.
UNIT_TESTS = \
	tests/unit/test_base \
	tests/unit/test_callbacks \
	tests/unit/test_codec \
	tests/unit/test_codec_fuzz \
	tests/unit/test_combine \
	tests/unit/test_completion \
	tests/unit/test_convert \
	tests/unit/test_copy_row \
	tests/unit/test_dsn \
	tests/unit/test_engines \
	tests/unit/test_error \
	tests/unit/test_future \
	tests/unit/test_future_fork \
	tests/unit/test_histogram \
	tests/unit/test_inbox \
	tests/unit/test_metrics \
	tests/unit/test_model \
	tests/unit/test_model_names \
	tests/unit/test_model_objects \
	tests/unit/test_open_query \
	tests/unit/test_queue \
	tests/unit/test_recycle \
	tests/unit/test_scope \
	tests/unit/test_settings \
	tests/unit/test_sql \
	tests/unit/test_stmt_cache \
	tests/unit/test_time

UNIT_TESTS += tests/unit/test_apr
if HAVE_INIH
UNIT_TESTS += tests/unit/test_ini
endif
# Not the library: that one brings another copy of holdfast.
tests_unit_test_ini_SOURCES = tests/unit/test_ini.c src/adapt/ini.c
tests_unit_test_ini_CPPFLAGS = $(AM_CPPFLAGS) $(INIH_CFLAGS)
tests_unit_test_ini_LDADD = $(LDADD) $(INIH_LIBS)

if HAVE_JANSSON
UNIT_TESTS += tests/unit/test_json
endif
tests_unit_test_json_SOURCES = tests/unit/test_json.c src/adapt/json.c
tests_unit_test_json_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_json_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_unit_test_histogram_LDADD = $(LDADD) -lm

# Nor this one, for the same reason.
tests_unit_test_apr_LDADD = tests/libapr.la $(LDADD)
tests_db_test_apr_future_LDADD = tests/libapr.la $(LDADD)
tests_db_test_apr_life_LDADD = tests/libapr.la $(LDADD)
tests_db_test_apr_scope_LDADD = tests/libapr.la $(LDADD)

# With a private server each: tests/run starts it through tests/with-pg.
DB_TESTS = \
	tests/db/test_abandon \
	tests/db/test_acquire \
	tests/db/test_aggregates \
	tests/db/test_allocations \
	tests/db/test_apr_future \
	tests/db/test_apr_life \
	tests/db/test_apr_scope \
	tests/db/test_arguments \
	tests/db/test_atomic \
	tests/db/test_batch_faults \
	tests/db/test_batch_neighbours \
	tests/db/test_batch_trouble \
	tests/db/test_bindings \
	tests/db/test_borrow_cost \
	tests/db/test_branches \
	tests/db/test_builder \
	tests/db/test_cancel \
	tests/db/test_cancel_connect \
	tests/db/test_cancel_lost \
	tests/db/test_chain \
	tests/db/test_clocks \
	tests/db/test_close \
	tests/db/test_commit_cut \
	tests/db/test_codecs_server \
	tests/db/test_codecs_settings \
	tests/db/test_codecs_user \
	tests/db/test_composite_keys \
	tests/db/test_compound \
	tests/db/test_connect_refused \
	tests/db/test_copy \
	tests/db/test_copy_errors \
	tests/db/test_copy_faults \
	tests/db/test_copy_stop \
	tests/db/test_copy_structs \
	tests/db/test_copy_types \
	tests/db/test_corpus \
	tests/db/test_databases \
	tests/db/test_databases_drop \
	tests/db/test_delete_deep \
	tests/db/test_domains \
	tests/db/test_echo \
	tests/db/test_echo_memory \
	tests/db/test_engines_fork \
	tests/db/test_engines_servers \
	tests/db/test_enums \
	tests/db/test_errors \
	tests/db/test_events \
	tests/db/test_events_seen \
	tests/db/test_every_carrier \
	tests/db/test_exclusions \
	tests/db/test_export \
	tests/db/test_extras \
	tests/db/test_failover \
	tests/db/test_fast_lane \
	tests/db/test_fast_lane_again \
	tests/db/test_fast_lane_cost \
	tests/db/test_fetch \
	tests/db/test_fetch_load \
	tests/db/test_find \
	tests/db/test_finders \
	tests/db/test_finders_async \
	tests/db/test_fixture \
	tests/db/test_fork \
	tests/db/test_fork_calls \
	tests/db/test_formats \
	tests/db/test_gather \
	tests/db/test_get_or_create \
	tests/db/test_getters \
	tests/db/test_global \
	tests/db/test_global_limits \
	tests/db/test_global_lost \
	tests/db/test_harness \
	tests/db/test_guard \
	tests/db/test_hermitage \
	tests/db/test_holders \
	tests/db/test_hooks \
	tests/db/test_indexes \
	tests/db/test_interaction \
	tests/db/test_interaction_txn \
	tests/db/test_json \
	tests/db/test_lifetime \
	tests/db/test_limits \
	tests/db/test_limits_huge \
	tests/db/test_listen \
	tests/db/test_listen_idle \
	tests/db/test_listen_inbox \
	tests/db/test_listen_killed \
	tests/db/test_listen_loss \
	tests/db/test_listen_names \
	tests/db/test_listen_pooler \
	tests/db/test_listen_refused \
	tests/db/test_listen_slow \
	tests/db/test_listen_stop \
	tests/db/test_listen_storm \
	tests/db/test_log \
	tests/db/test_log_life \
	tests/db/test_loops \
	tests/db/test_loss \
	tests/db/test_many \
	tests/db/test_many_arrays \
	tests/db/test_many_defaults \
	tests/db/test_many_parameters \
	tests/db/test_many_rows \
	tests/db/test_many_types \
	tests/db/test_metrics \
	tests/db/test_metrics_load \
	tests/db/test_model_stories \
	tests/db/test_naming \
	tests/db/test_nesting \
	tests/db/test_notify \
	tests/db/test_notify_together \
	tests/db/test_null_elsewhere \
	tests/db/test_odd_names \
	tests/db/test_open \
	tests/db/test_orphans \
	tests/db/test_outcome \
	tests/db/test_outcome_life \
	tests/db/test_outcome_trips \
	tests/db/test_outcomes \
	tests/db/test_park \
	tests/db/test_park_end \
	tests/db/test_park_limits \
	tests/db/test_park_race \
	tests/db/test_participants \
	tests/db/test_ping \
	tests/db/test_pipeline_begin \
	tests/db/test_pipeline_cancel \
	tests/db/test_pipeline_commit \
	tests/db/test_pipeline_cut \
	tests/db/test_pipeline_limits \
	tests/db/test_pipeline_mixed \
	tests/db/test_pipeline_notices \
	tests/db/test_pipeline_shot \
	tests/db/test_pipeline_statements \
	tests/db/test_pipeline_syncs \
	tests/db/test_proxy \
	tests/db/test_pipeline \
	tests/db/test_query \
	tests/db/test_relay \
	tests/db/test_relay_woken \
	tests/db/test_rows \
	tests/db/test_rows_kept \
	tests/db/test_schema \
	tests/db/test_scope_commit \
	tests/db/test_scope_life \
	tests/db/test_scope_manager \
	tests/db/test_scope_sessions \
	tests/db/test_script \
	tests/db/test_secrets \
	tests/db/test_send_pieces \
	tests/db/test_sequences \
	tests/db/test_session_carriers \
	tests/db/test_session_reset \
	tests/db/test_shapes \
	tests/db/test_shutdown \
	tests/db/test_sorting \
	tests/db/test_sql_server \
	tests/db/test_stale \
	tests/db/test_stats \
	tests/db/test_stream \
	tests/db/test_stream_huge \
	tests/db/test_submit \
	tests/db/test_tables \
	tests/db/test_transact \
	tests/db/test_transact_ends \
	tests/db/test_transact_lost \
	tests/db/test_two_phase \
	tests/db/test_two_phase_end \
	tests/db/test_txn \
	tests/db/test_txn_blocks \
	tests/db/test_txn_driven \
	tests/db/test_txn_handle \
	tests/db/test_txn_limits \
	tests/db/test_txn_loss \
	tests/db/test_txn_pipeline \
	tests/db/test_txn_pipeline_begin \
	tests/db/test_txn_pipeline_stop \
	tests/db/test_txn_refusals \
	tests/db/test_txn_then \
	tests/db/test_txn_waits \
	tests/db/test_type_numbers \
	tests/db/test_types_arrays \
	tests/db/test_types_edges \
	tests/db/test_types_tables \
	tests/db/test_update_changed \
	tests/db/test_upkeep \
	tests/db/test_views \
	tests/db/test_upsert \
	tests/db/test_validation \
	tests/db/test_verb_carriers \
	tests/db/test_verb_edges \
	tests/db/test_verbs \
	tests/db/test_verbs_async \
	tests/db/test_verbs_nomem \
	tests/db/test_waiting

if HAVE_INIH
DB_TESTS += tests/db/test_ini_server
endif
# As tests/unit/test_ini.
tests_db_test_ini_server_SOURCES = tests/db/test_ini_server.c src/adapt/ini.c
tests_db_test_ini_server_CPPFLAGS = $(AM_CPPFLAGS) $(INIH_CFLAGS)
tests_db_test_ini_server_LDADD = $(LDADD) $(INIH_LIBS)

STRESS_TESTS = \
	tests/stress/test_future_stress

SCRIPT_TESTS = \
	scripts/check-layers \
	scripts/check-format \
	scripts/check-exports \
	scripts/check-docs \
	tests/headers/run \
	tests/compile_fail/run \
	tests/examples/request_scope \
	tests/examples/run

if HAVE_CHECK
check_LTLIBRARIES += tests/libtest.la tests/libapr.la
tests_db_test_corpus_SOURCES = tests/db/catalog.c tests/db/catalog.h tests/db/corpus.h \
	tests/db/corpus_schema.c tests/db/corpus_verbs.c tests/db/random_row.c \
	tests/db/test_corpus.c
tests_libapr_la_SOURCES = src/adapt/apr.c
tests_libtest_la_SOURCES = tests/check_main.c tests/check_main.h \
	tests/db/apr.h \
	tests/db/codecs.c tests/db/codecs.h \
	tests/db/commit_fate.h \
	tests/db/copy_feed.h \
	tests/db/cost.c tests/db/cost.h \
	tests/db/engines.c tests/db/engines.h \
	tests/db/fixture.c tests/db/fixture.h \
	tests/db/golden.h \
	tests/db/hermitage.h \
	tests/db/interaction.h \
	tests/db/journey.h \
	tests/db/listening.c tests/db/listening.h \
	tests/db/load.c tests/db/load.h \
	tests/db/park.h \
	tests/db/models.c tests/db/models.h \
	tests/db/pipeline.c tests/db/pipeline.h \
	tests/db/proxy.c tests/db/proxy.h \
	tests/db/proxy_wire.c tests/db/proxy_wire.h \
	tests/db/send_fault.h \
	tests/db/silent.c tests/db/silent.h \
	tests/helpers.c tests/helpers.h \
	tests/lent.c tests/lent.h \
	tests/promise.h
tests_libtest_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_libtest_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_libtest_la_LIBADD = $(CHECK_LIBS)

check_PROGRAMS += $(UNIT_TESTS) $(DB_TESTS) $(STRESS_TESTS)
AM_CPPFLAGS += -I$(top_srcdir)/tests
endif
LDADD = tests/libtest.la libholdfast-core.la $(CHECK_LIBS) $(LIBPQ_LIBS) $(PTHREAD_LIBS)

TESTS += $(check_PROGRAMS) $(SCRIPT_TESTS)
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/run
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; CC='$(CC)'; \
	NM='$(NM)'; LIBPQ_CFLAGS='$(LIBPQ_CFLAGS)'; HF_CFLAGS='$(HF_CFLAGS)'; \
	HF_LDFLAGS='$(HF_LDFLAGS)'; APR_CFLAGS='$(APR_CFLAGS)'; \
	export top_srcdir top_builddir CC NM LIBPQ_CFLAGS HF_CFLAGS HF_LDFLAGS APR_CFLAGS;

EXTRA_DIST += $(SCRIPT_TESTS) tests/examples/two_workers tests/run tests/with-pg tests/pg-ctl tests/tsan.supp \
	tests/valgrind.supp
