# SPDX-License-Identifier: MIT
# The library, floor by floor. A new file goes into the list of its floor, sources and headers alike.

# 0: knows nothing of databases
SRC_BASE = \
	src/base/arena.c src/base/arena.h \
	src/base/attr.h \
	src/base/clock.c src/base/clock.h \
	src/base/fork.c src/base/fork.h \
	src/base/gate.c src/base/gate.h \
	src/base/histogram.c src/base/histogram.h \
	src/base/lock.c src/base/lock.h \
	src/base/log.c src/base/log.h \
	src/base/mem.c src/base/mem.h \
	src/base/nearest.c src/base/nearest.h \
	src/base/recycle.c src/base/recycle.h \
	src/base/ref.h \
	src/base/ring.h \
	src/base/strbuf.c src/base/strbuf.h \
	src/base/thread.c src/base/thread.h \
	src/base/version.c \
	src/base/wake.c src/base/wake.h

# 1: values, types and errors, without I/O
SRC_VALUE = \
	src/value/array.c \
	src/value/blocking.c src/value/blocking.h \
	src/value/codec.h \
	src/value/convert.c \
	src/value/copy_native.c \
	src/value/copy_put.h \
	src/value/copy_read.c \
	src/value/copy_row.c src/value/copy_row.h \
	src/value/copy_value.c \
	src/value/datetime.c src/value/datetime.h \
	src/value/decode.c src/value/decode.h \
	src/value/encode.c \
	src/value/error.c src/value/error.h \
	src/value/interval.c \
	src/value/items.c \
	src/value/literal.c \
	src/value/native.c \
	src/value/net.c src/value/net.h \
	src/value/number.c src/value/number.h \
	src/value/numeric.c \
	src/value/opts.c src/value/opts.h \
	src/value/quick.c \
	src/value/sql.c src/value/sql.h \
	src/value/sql_look.c \
	src/value/sql_render.c \
	src/value/sql_scan.c src/value/sql_scan.h \
	src/value/sqlstate.c \
	src/value/text.h \
	src/value/type.c src/value/type.h

# 2: libpq
SRC_PQ = \
	src/pq/cancel.c src/pq/cancel.h \
	src/pq/command.c \
	src/pq/connect_error.c \
	src/pq/copy.c src/pq/copy.h \
	src/pq/dsn.c src/pq/dsn.h \
	src/pq/dsn_read.c \
	src/pq/dsn_target.c \
	src/pq/extras.c src/pq/extras.h \
	src/pq/format.c src/pq/format.h \
	src/pq/link.c src/pq/link.h \
	src/pq/notify.c src/pq/notify.h \
	src/pq/pg_error.c \
	src/pq/receive.c \
	src/pq/result.c src/pq/result.h src/pq/result_inside.h \
	src/pq/result_read.c \
	src/pq/send.c \
	src/pq/stmt_cache.c src/pq/stmt_cache.h \
	src/pq/wire.c src/pq/wire.h

# 3: completion without databases
SRC_ASYNC = \
	src/async/bell.c src/async/bell.h \
	src/async/callbacks.c src/async/callbacks.h \
	src/async/combine.c \
	src/async/future.c src/async/future.h \
	src/async/inbox.c src/async/inbox.h \
	src/async/wait.c src/async/wait.h

# 4: workers
SRC_POOL = \
	src/pool/atomic.c \
	src/pool/batch.c src/pool/batch.h \
	src/pool/batch_answer.c \
	src/pool/batch_inside.h \
	src/pool/batch_send.c \
	src/pool/borrow.c \
	src/pool/close.c \
	src/pool/commit.c \
	src/pool/conn.c \
	src/pool/connect.c \
	src/pool/copy.c src/pool/copy.h \
	src/pool/copy_job.c \
	src/pool/exec.c \
	src/pool/holders.c \
	src/pool/hooks.c src/pool/hooks.h \
	src/pool/house.c \
	src/pool/job.c src/pool/job.h \
	src/pool/options.c \
	src/pool/outcome.c \
	src/pool/parking.c src/pool/parking.h \
	src/pool/pool.c src/pool/pool.h \
	src/pool/query.c \
	src/pool/queue.c src/pool/queue.h \
	src/pool/relay.c \
	src/pool/reply.c \
	src/pool/retry.c \
	src/pool/run.c \
	src/pool/serve.c \
	src/pool/stats.c \
	src/pool/submit.c \
	src/pool/train.c src/pool/train.h \
	src/pool/worker.c src/pool/worker.h

# 5: transactions
SRC_TXN = \
	src/txn/ahead.c \
	src/txn/branches.c \
	src/txn/command.c \
	src/txn/drive.c \
	src/txn/gather.c \
	src/txn/global.c src/txn/global.h \
	src/txn/hooks.c \
	src/txn/note.c \
	src/txn/outcome_table.c \
	src/txn/park.c \
	src/txn/participant.c \
	src/txn/prepared.c src/txn/prepared.h \
	src/txn/serve.c \
	src/txn/story.c \
	src/txn/submit.c \
	src/txn/transact.c \
	src/txn/two_phase.c \
	src/txn/txn.c src/txn/txn.h

# 6: LISTEN and NOTIFY
SRC_LISTEN = \
	src/listen/channel.c \
	src/listen/connect.c \
	src/listen/deliver.c \
	src/listen/group.c src/listen/group.h \
	src/listen/listener.c \
	src/listen/mailbox.c src/listen/mailbox.h \
	src/listen/notify.c \
	src/listen/pairs.c

# 7: named pools, and what a request does with them
SRC_ENGINE = \
	src/engine/again.c \
	src/engine/binding.c \
	src/engine/carrier.c \
	src/engine/database.c src/engine/database.h \
	src/engine/databases.c \
	src/engine/engine.c \
	src/engine/engines.c src/engine/engines.h \
	src/engine/lookup.c \
	src/engine/maintenance.c src/engine/maintenance.h \
	src/engine/metrics.c \
	src/engine/ping.c \
	src/engine/prometheus.c \
	src/engine/scope.c src/engine/scope.h \
	src/engine/session.c \
	src/engine/settings.c \
	src/engine/snapshot.c src/engine/snapshot.h \
	src/engine/stats_table.c \
	src/engine/tables.c \
	src/engine/thread_scope.c \
	src/engine/whole.c

# 8: models
SRC_MODEL = \
	src/model/await.c \
	src/model/bound.c \
	src/model/changed.c \
	src/model/check.c \
	src/model/check_keys.c \
	src/model/check_objects.c \
	src/model/codec.c \
	src/model/copy_structs.c \
	src/model/ddl.c src/model/ddl.h \
	src/model/delete_deep.c \
	src/model/errand.c src/model/errand.h \
	src/model/events.c \
	src/model/export.c \
	src/model/expression.c \
	src/model/find.c \
	src/model/finders.c \
	src/model/finders_async.c \
	src/model/input.c \
	src/model/insert.c \
	src/model/many.c \
	src/model/member.c \
	src/model/naming.c \
	src/model/objects.c \
	src/model/orm_async.c \
	src/model/plan.c src/model/plan.h \
	src/model/query.c \
	src/model/read_back.c \
	src/model/registry.c src/model/registry.h \
	src/model/rows.c src/model/rows.h \
	src/model/schema.c \
	src/model/schema_async.c \
	src/model/select.c \
	src/model/statement.c src/model/statement.h \
	src/model/strip.c src/model/strip.h \
	src/model/table.c \
	src/model/update.c \
	src/model/upsert.c \
	src/model/validate.c src/model/validate.h \
	src/model/verb.c src/model/verb.h \
	src/model/where.c

include_HEADERS = include/holdfast.h
hfincludedir = $(includedir)/holdfast
hfinclude_HEADERS = \
	include/holdfast/admin.h \
	include/holdfast/base.h \
	include/holdfast/binding.h \
	include/holdfast/blocking.h \
	include/holdfast/conn.h \
	include/holdfast/convert.h \
	include/holdfast/copy.h \
	include/holdfast/copy_structs.h \
	include/holdfast/engine.h \
	include/holdfast/find.h \
	include/holdfast/finders.h \
	include/holdfast/future.h \
	include/holdfast/global.h \
	include/holdfast/histogram.h \
	include/holdfast/inbox.h \
	include/holdfast/listen.h \
	include/holdfast/metrics.h \
	include/holdfast/model.h \
	include/holdfast/model_types.h \
	include/holdfast/orm.h \
	include/holdfast/orm_async.h \
	include/holdfast/pool.h \
	include/holdfast/result.h \
	include/holdfast/rows.h \
	include/holdfast/schema.h \
	include/holdfast/scope.h \
	include/holdfast/status.h \
	include/holdfast/txn.h \
	include/holdfast/value.h
nodist_hfinclude_HEADERS = include/holdfast/version.h

# All objects: what the library is made of, and what tests link to reach its inside.
noinst_LTLIBRARIES += libholdfast-core.la
libholdfast_core_la_SOURCES = \
	$(SRC_BASE) $(SRC_VALUE) $(SRC_PQ) $(SRC_ASYNC) $(SRC_POOL) $(SRC_TXN) \
	$(SRC_LISTEN) $(SRC_ENGINE) $(SRC_MODEL)
libholdfast_core_la_LIBADD = $(LIBPQ_LIBS) $(APU_LIBS) $(APR_LIBS) $(PTHREAD_LIBS)

lib_LTLIBRARIES += libholdfast.la
libholdfast_la_SOURCES =
libholdfast_la_LIBADD = libholdfast-core.la
libholdfast_la_LDFLAGS = $(AM_LDFLAGS) $(HF_SOFLAGS) -version-info 0:0:0
if HAVE_VERSION_SCRIPT
libholdfast_la_LDFLAGS += -Wl,--version-script=$(top_srcdir)/src/holdfast.map
libholdfast_la_DEPENDENCIES = libholdfast-core.la $(top_srcdir)/src/holdfast.map
endif
EXTRA_DIST += src/holdfast.map

# Ini files: a library of its own, since it needs one more.
if HAVE_INIH
hfinclude_HEADERS += include/holdfast/ini.h
lib_LTLIBRARIES += libholdfast-ini.la
endif
libholdfast_ini_la_SOURCES = src/adapt/ini.c
libholdfast_ini_la_CPPFLAGS = $(AM_CPPFLAGS) $(INIH_CFLAGS)
libholdfast_ini_la_LIBADD = libholdfast.la $(INIH_LIBS)
libholdfast_ini_la_LDFLAGS = $(AM_LDFLAGS) $(HF_SOFLAGS) -version-info 0:0:0

# JSON: the same, for the same reason.
if HAVE_JANSSON
hfinclude_HEADERS += include/holdfast/json.h
lib_LTLIBRARIES += libholdfast-json.la
endif
libholdfast_json_la_SOURCES = src/adapt/json.c
libholdfast_json_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
libholdfast_json_la_LIBADD = libholdfast.la $(JANSSON_LIBS)
libholdfast_json_la_LDFLAGS = $(AM_LDFLAGS) $(HF_SOFLAGS) -version-info 0:0:0

# APR's pools: a library of its own, so that nobody else meets types of APR.
hfinclude_HEADERS += include/holdfast/apr.h
lib_LTLIBRARIES += libholdfast-apr.la
libholdfast_apr_la_SOURCES = src/adapt/apr.c
libholdfast_apr_la_LIBADD = libholdfast.la $(APR_LIBS)
libholdfast_apr_la_LDFLAGS = $(AM_LDFLAGS) $(HF_SOFLAGS) -version-info 0:0:0
