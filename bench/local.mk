# SPDX-License-Identifier: MIT
# Programs that measure. They print the line of JSON that bench/bench.h describes.
BENCH_SHARED = bench/bench.c bench/bench.h
BENCH_HF = $(BENCH_SHARED) bench/hf.c bench/hf.h
BENCH_SECTIONS = $(BENCH_HF) bench/hf_sections.c bench/hf_sections.h
BENCH_CORE = libholdfast-core.la $(LIBPQ_LIBS) $(PTHREAD_LIBS)

noinst_PROGRAMS += bench/hf-peer bench/hf-peer-fast

# With the objects of the library in them, so that they run as they are, without libtool's wrapper.
bench_hf_peer_SOURCES = $(BENCH_HF) bench/hearing.h bench/hf_bulk.c bench/hf_notify.c bench/hf_orm.c \
	bench/hf_peer.c bench/hf_tx.c bench/item.c bench/item.h
bench_hf_peer_LDADD = $(BENCH_CORE)
bench_hf_peer_fast_SOURCES = $(BENCH_HF) bench/hearing.h bench/hf_bulk.c bench/hf_notify.c \
	bench/hf_peer_fast.c
bench_hf_peer_fast_LDADD = $(BENCH_CORE)

# What one thread, a queue and workers can reach at best.
BENCH_PQ = $(BENCH_SHARED) bench/hearing.h bench/lanes.c bench/lanes.h bench/pq.c bench/pq.h \
	bench/pq_binary.h bench/pq_copy.c bench/pq_notices.c bench/pq_rows.c
BENCH_FLOOR = $(BENCH_PQ) bench/floor.c bench/floor.h bench/floor_hand.c bench/floor_queue.c
noinst_PROGRAMS += bench/floor bench/floor-fast
bench_floor_SOURCES = $(BENCH_FLOOR)
bench_floor_LDADD = $(LIBPQ_LIBS) $(PTHREAD_LIBS)
bench_floor_fast_SOURCES = $(BENCH_FLOOR)
bench_floor_fast_CPPFLAGS = $(AM_CPPFLAGS) -DFLOOR_FAST=1
bench_floor_fast_LDADD = $(LIBPQ_LIBS) $(PTHREAD_LIBS)

# What else a C user has at hand. libzdb is needed for its own program only.
noinst_PROGRAMS += bench/apr-dbd bench/libpq-batch bench/libpq-pipeline bench/libpq-sync
bench_apr_dbd_SOURCES = $(BENCH_SHARED) bench/apr_dbd.c bench/lanes.c bench/lanes.h
bench_apr_dbd_LDADD = $(APU_LIBS) $(APR_LIBS) $(PTHREAD_LIBS)
bench_libpq_batch_SOURCES = $(BENCH_PQ) bench/libpq_pipeline.c
bench_libpq_batch_CPPFLAGS = $(AM_CPPFLAGS) -DLIBPQ_BATCH=1
bench_libpq_batch_LDADD = $(LIBPQ_LIBS) $(PTHREAD_LIBS)
bench_libpq_pipeline_SOURCES = $(BENCH_PQ) bench/libpq_pipeline.c
bench_libpq_pipeline_LDADD = $(LIBPQ_LIBS) $(PTHREAD_LIBS)
bench_libpq_sync_SOURCES = $(BENCH_PQ) bench/libpq_sync.c
bench_libpq_sync_LDADD = $(LIBPQ_LIBS) $(PTHREAD_LIBS)
if HAVE_ZDB
noinst_PROGRAMS += bench/libzdb
endif
bench_libzdb_SOURCES = $(BENCH_SHARED) bench/lanes.c bench/lanes.h bench/zdb.c
bench_libzdb_CPPFLAGS = $(AM_CPPFLAGS) $(ZDB_CFLAGS)
bench_libzdb_LDADD = $(ZDB_LIBS) $(PTHREAD_LIBS)

# All beside one another, on a private server: see bench/compare for what can be set.
bench: $(noinst_PROGRAMS)
	@$(SHELL) $(srcdir)/bench/compare '$(abs_builddir)'

.PHONY: bench
EXTRA_DIST += bench/compare bench/draw.awk bench/figures.awk bench/json.awk bench/results.awk \
	bench/splice.awk bench/table.awk
CLEANFILES += bench/bench.svg bench/figures.md bench/results.tsv

# What things weigh, and how cost grows.
noinst_PROGRAMS += bench/growth bench/memory
bench_growth_SOURCES = $(BENCH_SECTIONS) bench/growth.c bench/growth.h bench/growth_borrow.c
bench_growth_LDADD = $(BENCH_CORE)
bench_memory_SOURCES = $(BENCH_SECTIONS) bench/mallocs.c bench/mallocs.h bench/memory.c
bench_memory_LDADD = $(BENCH_CORE)

# Structs out of a result: by hand and through a model.
noinst_PROGRAMS += bench/decode
bench_decode_SOURCES = $(BENCH_HF) bench/decode.c bench/item.c bench/item.h
bench_decode_LDADD = $(BENCH_CORE)

bench-decode: bench/decode
	@$(SHELL) $(srcdir)/tests/with-pg bench/decode

bench-memory: bench/memory
	@$(SHELL) $(srcdir)/tests/with-pg bench/memory $(SECTIONS)

bench-growth: bench/growth
	@$(SHELL) $(srcdir)/tests/with-pg bench/growth $(SECTIONS)

# Ten million operations each: memory that stays flat, and answers that are their callers' own while
# sessions are killed, pipelined and one by one; a value of a gigabyte that is too large. It takes
# minutes, and shows how far it is.
LONG_OPS = 10000000
if HAVE_CHECK
bench-long: bench/memory tests/db/test_echo tests/db/test_limits_huge
	@MEMORY_OPS=$(LONG_OPS) $(SHELL) $(srcdir)/tests/with-pg bench/memory flat
	@HOLDFAST_ECHO=$(LONG_OPS) $(SHELL) $(srcdir)/tests/with-pg tests/db/test_echo \
		'while sessions are killed'
	@HOLDFAST_HUGE=1 $(SHELL) $(srcdir)/tests/with-pg tests/db/test_limits_huge
endif

# Calls of the system, and whose code takes the time.
bench-profile: $(noinst_PROGRAMS)
	@$(SHELL) $(srcdir)/bench/profile '$(abs_builddir)'

EXTRA_DIST += bench/objects.awk bench/profile
CLEANFILES += bench/profile.md

.PHONY: bench-decode bench-growth bench-long bench-memory bench-profile
